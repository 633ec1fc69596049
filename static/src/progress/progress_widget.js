import { Component, useState, xml } from "@odoo/owl";
import { registry } from "@web/core/registry";
import { useBus, useService } from "@web/core/utils/hooks";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";
import { ProgressBar } from "./progress_bar";

/** On a table mapping: the bar of its run while it runs; the end reloads the record. */
export class ProgressWidget extends Component {
    static template = xml`<ProgressBar t-if="job" job="job"/>`;
    static components = { ProgressBar };
    static props = { ...standardWidgetProps };

    setup() {
        const progress = useService("dataverse_progress");
        this.jobs = useState(progress.jobs);
        useBus(progress.bus, "ended", ({ detail }) => {
            if (detail.mapping_id === this.mappingId) {
                this.props.record.model.root.load();
            }
        });
    }

    /** The record is a table mapping, or points to one. */
    get mappingId() {
        const { record } = this.props;
        return record.data.mapping_id?.id ?? record.resId;
    }

    get job() {
        return Object.values(this.jobs).find(
            (job) => job.mapping_id === this.mappingId
        );
    }
}

registry.category("view_widgets").add("dataverse_progress", { component: ProgressWidget });
