import { registry } from "@web/core/registry";
import { picture } from "./picture";

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
        picture("coupling"),
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
        picture("contact"),
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
        { trigger: ".alert button:contains(Resolve)", run: "click" },
        {
            content: "base and both values are shown, and who changed them",
            trigger:
                ".modal tr:contains(33 00 00 02):contains(33 00 00 03):contains(33 00 00 04)",
        },
        { trigger: ".modal div[name=dataverse_by]:contains(Sales App)" },
        { trigger: ".modal button[name=action_apply]", run: "click" },
        {
            content: "nobody decides by accident",
            trigger:
                ".modal:not(:has(.o_form_view)):contains(Choose which data to use for Phone) .btn-primary",
            run: "click",
        },
        {
            content: "the value of the other field is merged",
            trigger: ".modal tr:contains(Email) button[aria-pressed=true]:contains(Dataverse)",
        },
        {
            content: "use the number of Odoo",
            trigger: ".modal tr:contains(Phone) button:contains(Odoo)",
            run: "click",
        },
        {
            trigger: ".modal tr:contains(Phone) button[aria-pressed=true]:contains(Odoo)",
        },
        picture("conflict"),
        { trigger: ".modal button[name=action_apply]", run: "click" },
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
        { content: "Escape leaves it as it is", trigger: ".modal", run: "press Escape" },
        { trigger: "body:not(:has(.modal))" },
        state("In Sync"),
        ...actionMenu("Delete Coupling"),
        { trigger: ".modal button[name=action_uncouple]" },
        {
            content: "Control and Enter carry it out",
            trigger: ".modal",
            run: "press control+Enter",
        },
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
                ".modal tr.o_data_row:contains(Twin East):contains(same Email) .o_boolean_toggle input:not(:checked)",
        },
        {
            content: "decide for the one candidate",
            trigger: ".modal tr.o_data_row:contains(Twin East) .o_boolean_toggle input",
            run: "click",
        },
        {
            trigger:
                ".modal tr.o_data_row:contains(Twin East) .o_boolean_toggle input:checked",
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
        toast("2 coupled, 0 to decide by hand"),
        {
            content: "the list shows the new state",
            trigger: ".o_data_row:contains(Alpha) td[name=dataverse_sync_state]:contains(In Sync)",
        },
        {
            trigger: ".o_data_row:contains(Beta) td[name=dataverse_sync_state]:contains(Not Coupled)",
        },
    ],
});

tours.add("dataverse_sync_match_all", {
    steps: () => [
        { trigger: "button[name=action_match_based_coupling]", run: "click" },
        { trigger: ".modal button[name=action_preview]:visible", run: "click" },
        {
            content: "a similar name says how similar it is",
            trigger: ".modal tr.o_data_row:contains(Zelbergvni Trading):contains(%)",
        },
        {
            content: "look at all that was found",
            trigger: ".modal footer button[name=action_open_lines]",
            run: "click",
        },
        {
            content: "it is grouped by result",
            trigger: ".o_list_view .o_group_header:contains(Matched)",
            run: "click",
        },
        {
            content: "leave one pair out, here too",
            trigger: ".o_data_row:contains(Nordisk Film) .o_list_record_selector input",
            run: "click",
        },
        { trigger: ".o_control_panel button[name=action_untick]", run: "click" },
        {
            trigger:
                ".o_data_row:contains(Nordisk Film) .o_boolean_toggle input:not(:checked)",
        },
        { trigger: "button[name=action_back]", run: "click" },
        {
            content: "the window shows the same",
            trigger:
                ".modal tr.o_data_row:contains(Nordisk Film) .o_boolean_toggle input:not(:checked)",
        },
        picture("matching"),
    ],
});

const openCause = (text) => ({
    content: "equal errors are one line: open it",
    trigger: `.o_group_header:contains("${text}")`,
    run: "click",
});

const selectAll = () => ({
    content: "select all of them",
    trigger: "thead .o_list_record_selector input",
    run: "click",
});

tours.add("dataverse_sync_retry", {
    steps: () => [
        openCause("'…' was not sent to Dataverse"),
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

tours.add("dataverse_sync_errors_many", {
    steps: () => [
        {
            content: "three equal errors are one line",
            trigger: ".o_group_header:contains('…' was not sent to Dataverse):contains(3)",
        },
        openCause("'…' was not sent to Dataverse"),
        { trigger: ".o_data_row:contains(Gamma)" },
        openCause("'…' was deleted in Dataverse"),
        { trigger: ".o_data_row:contains(Zeta)" },
        picture("errors"),
        {
            content: "select what was deleted",
            trigger: ".o_data_row:contains(Delta) .o_list_record_selector input",
            run: "click",
        },
        {
            trigger: ".o_data_row:contains(Zeta) .o_list_record_selector input",
            run: "click",
        },
        {
            trigger: ".o_control_panel button[name=action_restore_record]",
            run: "click",
        },
        {
            content: "what is restored is no error any more",
            trigger: ".o_list_view:not(:has(.o_data_row:contains(was deleted)))",
        },
        selectAll(),
        { trigger: ".o_control_panel button[name=action_retry]", run: "click" },
        {
            content: "all of them are tried again",
            trigger: ".o_list_view:has(.o_data_row.text-info):not(:has(.o_data_row:not(.text-info)))",
        },
    ],
});

tours.add("dataverse_sync_overview", {
    steps: () => [
        {
            content: "the connection: state, organization, as whom, next run",
            trigger:
                ".o_dataverse_health:contains(Connected):contains(as):contains(next run at) a[href^=https]",
        },
        {
            content: "one card a mapping, with its counts",
            trigger: ".o_kanban_record:contains(CUSTOMER):contains(Coupled) canvas",
        },
        {
            content: "an earlier run goes on: the card shows how far it is",
            trigger:
                ".o_kanban_record:contains(CUSTOMER) [role=progressbar][aria-valuenow='25']",
        },
        {
            trigger:
                ".o_kanban_record:contains(500 of 2000 · 50 per second · 30 s left)",
        },
        {
            content: "so does the systray, on every screen",
            trigger: ".o_dataverse_systray:contains(25%)",
        },
        picture("overview"),
        { trigger: ".o_dataverse_systray", run: "click" },
        {
            content: "stop it there",
            trigger: ".o-dropdown--menu .o_dataverse_progress button:contains(Stop)",
            run: "click",
        },
        {
            content: "run another one, as the scheduled action would",
            trigger: ".o_dataverse_health button:contains(Synchronize All)",
            run() {
                const { orm } = odoo.__WOWL_DEBUG__.root.env.services;
                orm.searchRead("integration.table.mapping", [["name", "=", "CONTACT"]], ["id"])
                    .then(([mapping]) =>
                        orm.call("integration.table.mapping", "synchronize", [[mapping.id]])
                    );
            },
        },
        toast("Nothing was different"),
        {
            content: "the result is told, and the other run still goes on",
            trigger: ".o_dataverse_systray:contains(25%)",
        },
    ],
});

/** What the test knows of the simulated environment. */
const environment = () => {
    const [, text] = document.cookie.match(/dataverse_environment=([^;]+)/);
    return JSON.parse(atob(decodeURIComponent(text)));
};

const enter = (field, key) => ({
    content: `enter ${field}`,
    trigger: `.modal div[name=${field}] input`,
    async run(helpers) {
        await helpers.edit(environment()[key]);
    },
});

const next = () => ({ trigger: ".modal button[name=action_next]", run: "click" });

tours.add("dataverse_sync_setup_checklist", {
    steps: () => [
        {
            content: "nothing is connected: the overview offers the setup",
            trigger: ".o_dataverse_health button:contains(Assisted Setup)",
            run: "click",
        },
        {
            content: "nobody goes on without an address",
            trigger: ".modal h3:contains(Where do you work in Dynamics 365)",
        },
        enter("environment_url", "url"),
        enter("authority_url", "authority"),
        next(),
        { trigger: ".modal h3:contains(How does Odoo sign in)" },
        enter("tenant_id", "tenant"),
        enter("client_id", "client_id"),
        {
            content: "a wrong secret",
            trigger: ".modal div[name=client_secret] input",
            run: "edit not-the-secret",
        },
        next(),
        {
            content: "the checklist says what is wrong and how to mend it",
            trigger:
                ".modal tr:contains(Sign-In):contains(To Mend):contains(Enter the secret's value)",
        },
    ],
});

tours.add("dataverse_sync_setup", {
    steps: () => [
        {
            content: "come back later: what was entered is there",
            trigger: ".o_dataverse_health:contains(Not Connected) button:contains(Assisted Setup)",
            run: "click",
        },
        next(),
        enter("client_secret", "client_secret"),
        next(),
        {
            content: "everything was really tried, table by table",
            trigger: ".modal tr:contains(Account: change tracking):contains(In Order)",
        },
        { trigger: ".modal tr:contains(Contact: privileges):contains(In Order)" },
        picture("setup"),
        next(),
        {
            content: "the tables, all chosen",
            trigger: ".modal tr:contains(CUSTOMER) .o_boolean_toggle input:checked",
        },
        { trigger: ".modal button[name=action_finish]", run: "click" },
        {
            content: "the review says what to do, and why",
            trigger:
                "tr.o_data_row:contains(CUSTOMER):contains(Full Synchronization):contains(In Odoo only)",
        },
        {
            trigger: "tr.o_data_row:contains(CONTACT)",
        },
        { trigger: "button[name=action_start_all]", run: "click" },
        { trigger: "tr.o_data_row:contains(CUSTOMER):contains(Waiting)" },
    ],
});

tours.add("dataverse_sync_setup_done", {
    steps: () => [
        {
            content: "both mappings are finished, with what they did",
            trigger:
                "tr.o_data_row:contains(CUSTOMER):contains(Finished with Errors):contains(to decide or correct)",
        },
        {
            trigger: "tr.o_data_row:contains(CONTACT) .text-bg-success:contains(Finished)",
        },
        picture("full_synchronization"),
    ],
});

const inRow = (row, field) =>
    `div[name=field_mapping_ids] tr.o_data_row:nth-child(${row}).o_selected_row td[name=${field}]`;

const pick = (trigger, text, value) => [
    { content: `search ${text}`, trigger: `${trigger} input`, run: `edit ${text}` },
    {
        content: `choose ${value}`,
        trigger: `.o-autocomplete--dropdown-menu li a:contains("${value}")`,
        run: "click",
    },
];

const addField = (row, field, column) => [
    {
        content: "add a field mapping",
        trigger: "div[name=field_mapping_ids] .o_field_x2many_list_row_add a",
        run: "click",
    },
    ...pick(inRow(row, "field_name"), field.search, field.choose),
    ...pick(inRow(row, "integration_column"), column.search, column.choose),
];

tours.add("dataverse_sync_map_tasks", {
    steps: () => [
        {
            content: "start a new table mapping",
            trigger: ".o_list_button_add",
            run: "click",
        },
        { trigger: "div[name=name] input", run: "edit TASK" },
        {
            content: "choose the Odoo model",
            trigger: "div[name=model_id] input",
            run: "edit Task",
        },
        {
            trigger: ".o-autocomplete--dropdown-menu li a:text(Task)",
            run: "click",
        },
        {
            content: "choose the connection",
            trigger: "div[name=connection_id] input",
            run: "edit Test",
        },
        {
            trigger: ".o-autocomplete--dropdown-menu li a:contains(Test)",
            run: "click",
        },
        ...pick("div[name=integration_table]", "task", "Task"),
        {
            content: "missing records are created",
            trigger: "div[name=synch_only_coupled] input",
            run: "click",
        },
        ...addField(
            1,
            { search: "title", choose: "name · " },
            { search: "subject", choose: "subject · " }
        ),
        ...addField(
            2,
            { search: "description", choose: "description · " },
            { search: "description", choose: "description · " }
        ),
        ...addField(
            3,
            { search: "deadline", choose: "date_deadline · " },
            { search: "percent", choose: "percentcomplete · " }
        ),
        {
            content: "a date does not go with a number",
            trigger: "div[name=problem]:contains(cannot be mapped)",
        },
        ...pick(inRow(3, "integration_column"), "due", "scheduledend · "),
        {
            content: "a date goes with a date",
            trigger: ".o_form_sheet:not(:has(.alert))",
        },
        { trigger: ".o_notebook a[name=filters]", run: "click" },
        {
            content: "only tasks that are not done take part",
            trigger: "div[name=integration_filter] input",
            run: "edit percentcompleted lt 100",
        },
        { trigger: ".o_form_button_save", run: "click" },
        {
            content: "the wrong column is named",
            trigger: ".modal:contains(has no column 'percentcompleted')",
        },
        { trigger: ".modal .btn-close", run: "click" },
        {
            trigger: "div[name=integration_filter] input",
            run: "edit percentcomplete lt 100",
        },
        { trigger: "button[name=action_try_filter]", run: "click" },
        toast("1 rows of Dataverse take part"),
    ],
});

tours.add("dataverse_sync_try_rule", {
    steps: () => [
        {
            content: "type a value",
            trigger: "div[name=test_value] input",
            run: "edit 12.5",
        },
        { trigger: "div[name=name] input", run: "click" },
        {
            content: "see what the rule makes of it",
            trigger: "div[name=test_result]:contains('EUR 12,50')",
        },
        {
            content: "and what comes back",
            trigger: "div[name=test_back]:contains('12.5')",
        },
        { trigger: ".o_form_button_cancel", run: "click" },
        {
            content: "what was tried is not kept",
            trigger: ".o_form_sheet:not(:has(div[name=test_result]))",
        },
    ],
});

tours.add("dataverse_sync_map_options", {
    steps: () => [
        {
            content: "open the options of the choice",
            trigger: "div[name=field_mapping_ids] button[name=action_options]:visible",
            run: "click",
        },
        {
            content: "they are listed by their labels",
            trigger: ".modal div[name=option_ids] tr:contains(Customer)",
        },
        {
            content: "and those of the same name are mapped",
            trigger: ".modal div[name=option_ids] tr:contains(Other):contains(other)",
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

tours.add("dataverse_sync_default_setup", {
    steps: () => [
        {
            trigger: ".o_form_view button[name=action_review_default_setup]",
            run: "click",
        },
        {
            content: "what was changed by hand is shown",
            trigger: ".modal .o_data_row:contains(CUSTOMER):contains(Resolve Deletion)",
        },
        {
            content: "and what is new",
            trigger: ".modal .o_data_row:contains(CURRENCY) .badge:contains(New)",
        },
    ],
});

tours.add("dataverse_sync_take_over", {
    steps: () => [
        {
            trigger: ".o_form_view button[name=action_review_default_setup]",
            run: "click",
        },
        {
            trigger: ".modal .o_data_row:contains(CUSTOMER) .o_field_boolean_toggle input",
            run: "click",
        },
        { trigger: ".modal button[name=action_apply]", run: "click" },
        {
            content: "the mappings are there, and the dialog is not",
            trigger: ".o_action_manager .o_list_view .o_data_row:contains(CURRENCY)",
        },
    ],
});
