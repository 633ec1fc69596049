import { AutoComplete } from "@web/core/autocomplete/autocomplete";
import { Component } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { standardFieldProps } from "@web/views/fields/standard_field_props";
import { useService } from "@web/core/utils/hooks";

/**
 * A technical name that is picked from what there is: Dataverse tables and columns,
 * fields of an Odoo model. What suits the other half of the row comes first.
 */
export class DataversePickField extends Component {
    static template = "dataverse_sync.PickField";
    static components = { AutoComplete };
    static props = {
        ...standardFieldProps,
        placeholder: { type: String, optional: true },
        what: { type: String },
        label: { type: String, optional: true },
    };

    setup() {
        this.orm = useService("orm");
    }

    get value() {
        return this.props.record.data[this.props.name] || "";
    }

    get label() {
        return (this.props.label && this.props.record.data[this.props.label]) || "";
    }

    get sources() {
        return [
            {
                placeholder: _t("Loading..."),
                optionSlot: "option",
                options: (term) => this.load(term),
            },
        ];
    }

    async load(term) {
        // What was chosen just before may still be on its way into the record.
        await this.props.record.model.mutex.getUnlockedDef();
        const { data, _parentRecord } = this.props.record;
        const mapping = _parentRecord ? _parentRecord.data : data;
        const found = await this.orm.call("integration.field.mapping", "pick_list", [
            this.props.what,
            // A rule may take several columns: the last one is being typed.
            term.split(",").pop(),
            mapping.connection_id?.id || false,
            mapping.integration_table || false,
            mapping.model || false,
            data.field_name || false,
            data.integration_column || false,
        ]);
        if (!found.length) {
            return [{ label: _t("Nothing found") }];
        }
        const before = term.includes(",") ? term.slice(0, term.lastIndexOf(",") + 1) : "";
        return found.map((one) => ({
            label: one.label,
            data: one,
            cssClass: one.fits === false ? "opacity-50" : "",
            onSelect: () => this.update(before + one.value),
        }));
    }

    update(value) {
        return this.props.record.update({ [this.props.name]: value.trim() || false });
    }
}

registry.category("fields").add("dataverse_pick", {
    component: DataversePickField,
    supportedTypes: ["char"],
    extractProps: ({ attrs, options, placeholder }) => ({
        placeholder: placeholder || attrs.placeholder,
        what: options.what,
        label: options.label,
    }),
});
