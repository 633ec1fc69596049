import { Component } from "@odoo/owl";
import { useService } from "@web/core/utils/hooks";
import { describe, percent } from "./progress_service";

/** The bar of one running job, with its figures and a way to stop it. */
export class ProgressBar extends Component {
    static template = "dataverse_sync.ProgressBar";
    static props = { job: Object };

    setup() {
        this.progress = useService("dataverse_progress");
    }

    get percent() {
        return percent(this.props.job);
    }

    get text() {
        return describe(this.props.job);
    }

    stop() {
        this.progress.stop(this.props.job);
    }
}
