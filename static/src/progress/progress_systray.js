import { Component, useState } from "@odoo/owl";
import { Dropdown } from "@web/core/dropdown/dropdown";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { ProgressBar } from "./progress_bar";
import { percent } from "./progress_service";

/** In the systray while a synchronization is running, wherever one works in Odoo. */
export class ProgressSystray extends Component {
    static template = "dataverse_sync.ProgressSystray";
    static components = { Dropdown, ProgressBar };
    static props = {};

    setup() {
        this.jobsById = useState(useService("dataverse_progress").jobs);
        this.action = useService("action");
    }

    get jobs() {
        return Object.values(this.jobsById);
    }

    get percent() {
        return Math.min(...this.jobs.map(percent));
    }

    openOverview() {
        this.action.doAction("dataverse_sync.integration_overview_action");
    }
}

registry
    .category("systray")
    .add("dataverse_sync.progress", { Component: ProgressSystray }, { sequence: 30 });
