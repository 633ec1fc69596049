// The button "Odoo" on the command bar of Dynamics 365: opens the Odoo record of a row.
//
// A web resource of a model-driven app. What it needs to know, the address that Odoo
// gives on the form of its connection, is the environment variable below.
// (Power Apps: "Client API reference for model-driven apps")
"use strict";

var DataverseSync = (() => {
    const VARIABLE = "dsync_OdooAddress";
    const MISSING =
        `Odoo's address is not known yet. An administrator copies it from the connection ` +
        `in Odoo into the environment variable ${VARIABLE} (Power Apps, Solutions, Odoo).`;

    /** The current value of the environment variable, else its default; "" if neither. */
    async function readAddress() {
        const found = await Xrm.WebApi.retrieveMultipleRecords(
            "environmentvariabledefinition",
            `?$select=defaultvalue&$filter=schemaname eq '${VARIABLE}'` +
                "&$expand=environmentvariabledefinition_environmentvariablevalue($select=value)"
        );
        const [definition] = found.entities;
        const [current] =
            definition?.environmentvariabledefinition_environmentvariablevalue ?? [];
        return (current?.value || definition?.defaultvalue || "").trim();
    }

    /** Where Odoo shows a row; null unless the setting is an https address. */
    function addressOf(setting, table, id) {
        let address;
        try {
            address = new URL(setting);
        } catch {
            return null;
        }
        if (address.protocol !== "https:") {
            return null;
        }
        address.searchParams.set("etn", table);
        address.searchParams.set("id", id.replace(/[{}]/g, "").toLowerCase());
        return address.href;
    }

    async function open(table, id) {
        try {
            const address = addressOf(await readAddress(), table, id);
            if (address) {
                Xrm.Navigation.openUrl(address);
            } else {
                await Xrm.Navigation.openAlertDialog({title: "Odoo", text: MISSING});
            }
        } catch (error) {
            await Xrm.Navigation.openErrorDialog({message: error.message});
        }
    }

    return {
        /** On a form; `formContext` is the command's PrimaryControl. */
        openForm(formContext) {
            const {entity} = formContext.data;
            return open(entity.getEntityName(), entity.getId());
        },
        /** On a list; `references` is the command's SelectedControlSelectedItemReferences. */
        openSelected([reference]) {
            return open(reference.TypeName, reference.Id);
        },
    };
})();
