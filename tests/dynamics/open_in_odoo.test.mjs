// The command-bar script, against a mock of the Client API.
import assert from "node:assert/strict";
import {readFileSync} from "node:fs";
import {createRequire} from "node:module";
import {beforeEach, test} from "node:test";
import vm from "node:vm";

const {XrmMockGenerator} = createRequire(import.meta.url)("xrm-mock");
const folder = new URL(process.env.SCRIPTS ?? "../../static/dynamics/", import.meta.url);
const source = readFileSync(new URL("open_in_odoo.js", folder), "utf8");
const ROW = "{0F8FAD5B-D9CB-469F-A165-70867728950E}";
const GUID = "0f8fad5b-d9cb-469f-a165-70867728950e";
const ADDRESS = "https://odoo.example/dataverse_sync/open?connection=main";

let said, variables, DataverseSync;

beforeEach(() => {
    XrmMockGenerator.initialise({
        entity: {id: ROW, entityName: "account"},
    });
    said = [];
    variables = [
        {
            defaultvalue: null,
            environmentvariabledefinition_environmentvariablevalue: [{value: ADDRESS}],
        },
    ];
    Object.assign(Xrm.Navigation, {
        openUrl: (url) => said.push(["url", url]),
        openAlertDialog: async ({text}) => said.push(["alert", text]),
        openErrorDialog: async ({message}) => said.push(["error", message]),
    });
    Xrm.WebApi.retrieveMultipleRecords = async (table, options) => {
        assert.equal(table, "environmentvariabledefinition");
        assert.match(options, /schemaname eq 'dsync_OdooAddress'/);
        return {entities: variables};
    };
    vm.runInThisContext(source);
    DataverseSync = globalThis.DataverseSync;
});

test("a form opens its row", async () => {
    await DataverseSync.openForm(XrmMockGenerator.getFormContext());
    assert.deepEqual(said, [["url", `${ADDRESS}&etn=account&id=${GUID}`]]);
});

test("a list opens the selected row", async () => {
    await DataverseSync.openSelected([{TypeName: "contact", Id: ROW, Name: "Anna"}]);
    assert.deepEqual(said, [["url", `${ADDRESS}&etn=contact&id=${GUID}`]]);
});

test("the default value of the variable does", async () => {
    variables = [
        {
            defaultvalue: ADDRESS,
            environmentvariabledefinition_environmentvariablevalue: [],
        },
    ];
    await DataverseSync.openSelected([{TypeName: "contact", Id: GUID}]);
    assert.equal(said[0][0], "url");
});

for (const [what, value] of [
    ["no definition", null],
    ["no value", ""],
    ["no address", "odoo"],
    ["another scheme", "javascript:alert(1)"],
    ["no encryption", "http://odoo.example/dataverse_sync/open"],
]) {
    test(`says what to do: ${what}`, async () => {
        variables = value === null ? [] : [{defaultvalue: value}];
        await DataverseSync.openSelected([{TypeName: "contact", Id: GUID}]);
        assert.equal(said.length, 1);
        assert.equal(said[0][0], "alert");
        assert.match(said[0][1], /dsync_OdooAddress/);
    });
}

test("shows what Dataverse refuses", async () => {
    Xrm.WebApi.retrieveMultipleRecords = async () => {
        throw new Error("Principal user is missing prvReadEnvironmentVariable");
    };
    await DataverseSync.openSelected([{TypeName: "contact", Id: GUID}]);
    assert.deepEqual(said, [
        ["error", "Principal user is missing prvReadEnvironmentVariable"],
    ]);
});
