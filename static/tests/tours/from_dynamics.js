/** @odoo-module **/

import {registry} from "@web/core/registry";
import {picture} from "./picture";

registry.category("web_tour.tours").add("dataverse_sync_from_dynamics", {
    steps: () => [
        {
            content: "The row is named, and what is asked",
            trigger: "form p:contains('Nordlys A/S')",
        },
        {
            content: "Each candidate says why it is one",
            trigger: "label:contains('Nordlys Odense'):contains('same Email')",
            run: "click",
        },
        picture("from_dynamics"),
    ],
});

registry.category("web_tour.tours").add("dataverse_sync_from_dynamics_couple", {
    steps: () => [
        {
            content: "Choose one of them",
            trigger: "label:contains('Nordlys Odense')",
            run: "click",
        },
        {
            content: "Couple the two",
            trigger: "button:contains('Couple and Open')",
            run: "click",
            expectUnloadPage: true,
        },
        {
            content: "The record opens",
            trigger: ".o_form_view .o_field_widget[name=name] input:value('Nordlys Odense')",
        },
    ],
});
