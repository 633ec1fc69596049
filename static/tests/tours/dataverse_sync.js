import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");

const state = (text) => ({
    content: `the smart button says ${text}`,
    trigger: `button[name=action_open_in_dataverse] .o_stat_info:contains("${text}")`,
});

const actionMenu = (entry, of = ".o_cp_action_menus button.o-dropdown, .o_cp_action_menus button") => [
    { content: "open the Action menu", trigger: of, run: "click" },
    {
        content: `choose ${entry}`,
        trigger: `.o-dropdown--menu .o_menu_item:contains("${entry}")`,
        run: "click",
    },
];

const toast = (text) => ({
    content: `the result says ${text}`,
    trigger: `.o_notification:contains("${text}")`,
});

const phoneIs = (number) => ({
    content: `the phone number is ${number}`,
    trigger: `div[name=phone] input:value(${number})`,
});

tours.add("dataverse_sync_couple", {
    steps: () => [
        state("Not Coupled"),
        {
            content: "a click on the smart button offers a coupling",
            trigger: "button[name=action_open_in_dataverse]",
            run: "click",
        },
        {
            content: "no row matches by itself",
            trigger: ".modal p:contains(No row in Dataverse matches this record)",
        },
        {
            content: "search for the row",
            trigger: ".modal div[name=search_text] input",
            run: "edit Nordisk",
        },
        { trigger: ".modal button[name=action_search]", run: "click" },
        {
            content: "a row that is taken cannot be chosen",
            trigger:
                ".modal div[name=candidate_ids] tr.o_data_row:contains(coupled to 'Nordisk Film'):not(:has(button[name=action_choose]))",
        },
        {
            content: "choose the row",
            trigger:
                ".modal div[name=candidate_ids] tr.o_data_row:contains(Nordisk Lys A/S) button[name=action_choose]",
            run: "click",
        },
        {
            content: "both phone numbers stand side by side, marked",
            trigger:
                ".modal div[name=line_ids] tr:contains(Phone) td.text-success:contains(33 00 00 01) + td.text-warning:contains(33 00 00 02)",
        },
        {
            content: "what is equal is dimmed",
            trigger: ".modal div[name=line_ids] tr.text-muted:contains(Odense)",
        },
        {
            content: "use the data of Dataverse",
            trigger: ".modal div[name=synchronize] label:contains(Use the Dataverse Data)",
            run: "click",
        },
        {
            content: "now the other number wins",
            trigger:
                ".modal div[name=line_ids] tr:contains(Phone) td.text-success:contains(33 00 00 02)",
        },
        { trigger: ".modal button[name=action_couple]", run: "click" },
        toast("coupled and in sync"),
        state("In Sync"),
        phoneIs("+45 33 00 00 02"),
    ],
});

tours.add("dataverse_sync_change_phone", {
    steps: () => [
        state("In Sync"),
        {
            content: "enter another number",
            trigger: "div[name=phone] input",
            run: "edit +45 33 00 00 03",
        },
        { trigger: ".o_form_button_save", run: "click" },
        state("Waiting"),
    ],
});

tours.add("dataverse_sync_resolve_conflict", {
    steps: () => [
        state("Conflict"),
        {
            content: "the banner says what happened",
            trigger: ".alert:contains(was changed on both sides: Phone)",
        },
        { trigger: ".alert button:contains(Choose Data)", run: "click" },
        {
            content: "both numbers are shown",
            trigger:
                ".modal tr:contains(33 00 00 03):contains(33 00 00 04):contains(On Both Sides)",
        },
        { trigger: ".modal button[name=action_synchronize]", run: "click" },
        {
            content: "nobody decides by accident",
            trigger: ".modal:not(:has(.o_form_view)):contains(choose which data to use) .btn-primary",
            run: "click",
        },
        {
            content: "use the data of Odoo",
            trigger: ".modal label:contains(Odoo wins)",
            run: "click",
        },
        { trigger: ".modal button[name=action_synchronize]", run: "click" },
        toast("The same on both sides now: Phone"),
        state("In Sync"),
        phoneIs("+45 33 00 00 03"),
    ],
});

tours.add("dataverse_sync_delete_coupling", {
    steps: () => [
        state("In Sync"),
        ...actionMenu("Delete Coupling"),
        {
            content: "it says what will not happen",
            trigger: ".modal:contains(No record is deleted or changed)",
        },
        { trigger: ".modal button[name=action_uncouple]", run: "click" },
        toast("No record was touched"),
        state("Not Coupled"),
    ],
});

tours.add("dataverse_sync_match", {
    steps: () => [
        {
            content: "select all contacts of the list",
            trigger: "thead .o_list_record_selector input",
            run: "click",
        },
        ...actionMenu("Match-Based Coupling"),
        {
            content: "it says among how many it looks",
            trigger: ".modal:contains(the 4 selected records)",
        },
        { trigger: ".modal button[name=action_preview]:visible", run: "click" },
        {
            content: "what is ambiguous is shown, to be decided by hand",
            trigger:
                ".modal tr.o_data_row:contains(Twin):contains(Twin East):not(:has(.o_boolean_toggle))",
        },
        {
            content: "leave out one pair",
            trigger: ".modal tr.o_data_row:contains(Beta) .o_boolean_toggle input",
            run: "click",
        },
        {
            trigger:
                ".modal tr.o_data_row:contains(Beta) .o_boolean_toggle input:not(:checked)",
        },
        { trigger: ".modal button[name=action_apply]", run: "click" },
        toast("1 coupled, 1 to decide by hand"),
        {
            content: "the list shows the new state",
            trigger: ".o_data_row:contains(Alpha) td[name=dataverse_sync_state]:contains(In Sync)",
        },
        {
            trigger: ".o_data_row:contains(Beta) td[name=dataverse_sync_state]:contains(Not Coupled)",
        },
    ],
});

tours.add("dataverse_sync_retry", {
    steps: () => [
        {
            content: "the error is a sentence that names the record",
            trigger: ".o_data_row:contains('Acme' was not sent to Dataverse)",
        },
        {
            content: "open it",
            trigger: ".o_data_row td[name=message]:contains(Acme)",
            run: "click",
        },
        { trigger: ".o_form_view button[name=action_retry]", run: "click" },
        {
            content: "the next run takes it up",
            trigger: ".o_statusbar_status button[aria-checked=true]:contains(Retrying), .o_statusbar_status .o_arrow_button_current:contains(Retrying)",
        },
    ],
});

tours.add("dataverse_sync_held_back", {
    steps: () => [
        {
            content: "the job says what is out of the ordinary",
            trigger: ".o_form_view .alert:contains(6 of the 6 coupled records)",
        },
        {
            content: "and shows the records",
            trigger: "button[name=action_open_held_back]:contains(6)",
        },
    ],
});

tours.add("dataverse_sync_let_go_on", {
    steps: () => [
        { trigger: ".o_form_view button[name=action_confirm]", run: "click" },
        { trigger: ".modal button:contains(Ok)", run: "click" },
        {
            content: "it is carried out in the next run",
            trigger: ".o_form_view .alert:contains(is carried out in the next run)",
        },
    ],
});

tours.add("dataverse_sync_safe_mode", {
    steps: () => [
        {
            content: "the connection says why it stands still",
            trigger: ".o_form_view .alert:contains(was restored from a backup)",
        },
        {
            content: "and what can be done",
            trigger: ".o_form_view button[name=action_review_differences]",
        },
    ],
});

tours.add("dataverse_sync_review", {
    steps: () => [
        {
            trigger: ".o_form_view button[name=action_review_differences]",
            run: "click",
        },
        { trigger: ".modal button:contains(Ok)", run: "click" },
        {
            content: "synchronization goes on",
            trigger: ".o_form_view button[name=action_synchronize_modified]",
        },
    ],
});

tours.add("dataverse_sync_safety_page", {
    steps: () => [
        { trigger: ".o_notebook .nav-link:contains(Safety)", run: "click" },
        { trigger: ".o_field_widget[name=guard_deletions] input" },
    ],
});
