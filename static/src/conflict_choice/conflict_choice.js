import { Component } from "@odoo/owl";
import { registry } from "@web/core/registry";
import { standardFieldProps } from "@web/views/fields/standard_field_props";

/**
 * The two sides of a line as buttons, of which one is pressed. Works in a list without
 * opening the row, by mouse and by keyboard.
 */
export class ConflictChoice extends Component {
    static template = "dataverse_sync.ConflictChoice";
    static props = { ...standardFieldProps };

    get options() {
        return this.props.record.fields[this.props.name].selection.filter(
            ([value]) => value
        );
    }

    get label() {
        return this.props.record.data.label;
    }

    /** Where values travel in one direction only, there is nothing to choose. */
    get decided() {
        return Boolean(this.props.record.data.source);
    }

    get value() {
        return this.props.record.data[this.props.name];
    }

    choose(value) {
        this.props.record.update({ [this.props.name]: value });
    }
}

registry.category("fields").add("dataverse_choice", {
    component: ConflictChoice,
    supportedTypes: ["selection"],
});
