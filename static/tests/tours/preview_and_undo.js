/** @odoo-module **/

import {registry} from "@web/core/registry";
import {picture} from "./picture";

registry.category("web_tour.tours").add("dataverse_sync_preview", {
    steps: () => [
        {
            content: "Ask what the next run would do",
            trigger: ".o_statusbar_buttons button[name=action_preview]",
            run: "click",
        },
        {
            content: "Every planned action is listed with its reason",
            trigger: ".o_field_widget[name=line_ids] .o_data_row td:contains('Changed in Dataverse')",
        },
        {
            content: "What is created is counted on top",
            trigger: ".oe_stat_button[name=action_open_lines]:contains('Created')",
        },
        picture("preview"),
    ],
});

registry.category("web_tour.tours").add("dataverse_sync_undo", {
    steps: () => [
        {
            content: "Undo what the job wrote",
            trigger: ".o_statusbar_buttons button[name=action_undo]",
            run: "click",
        },
        {
            content: "The dialog says how many changes it is about",
            trigger: ".modal [name=count]:contains('2')",
        },
        {
            content: "Undo",
            trigger: ".modal footer button[name=action_undo]",
            run: "click",
        },
        {
            content: "What became of it",
            trigger: ".modal [name=message]:contains('1 of 2')",
        },
        picture("undo"),
        {
            content: "What was left",
            trigger: ".modal button[name=action_open_left]",
            run: "click",
        },
        {
            content: "says why",
            trigger: ".o_data_row td:contains('changed since')",
        },
    ],
});
