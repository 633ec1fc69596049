// Opens screens of the web client one after the other and looks at each with axe-core.
// What plain Odoo's own screens do as well is not ours to mend; the rest is an error.
(async () => {
    const {action} = odoo.__WOWL_DEBUG__.root.env.services;
    const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

    /** Until nothing is asked of the server and nothing is drawn any more. */
    async function settled() {
        let before = null;
        for (let look = 0; look < 40; look++) {
            await pause(150);
            const now = document.body.innerHTML.length;
            if (now === before && !document.querySelector(".o_loading_indicator")) {
                return;
            }
            before = now;
        }
    }

    // Components of the web client that views cannot change.
    const ODOOS = [
        ".o_control_panel",
        ".o_search_panel",
        ".o_search_panel_sidebar",
        ".o-mail-Chatter",
        ".o-autocomplete",
        ".o_clipboard_button",
    ];

    /** The rule with the colours or the kind of element: the same fault elsewhere. */
    function signature(rule, node) {
        const colors = node.any.find((check) => check.id === "color-contrast")?.data;
        if (colors) {
            return `${rule} ${colors.fgColor} on ${colors.bgColor}`;
        }
        const element = document.querySelector(node.target[0]);
        const classes = [...(element?.classList ?? [])].sort().join(".");
        return `${rule} ${element?.tagName.toLowerCase()}.${classes}`;
    }

    /** `{signature: html}` of everything that a screen does wrong. */
    async function look([name, request, options]) {
        await action.doAction(request, {clearBreadcrumbs: true, ...options});
        await settled();
        const exclude = ODOOS.filter((part) => document.querySelector(part));
        const part = exclude.length ? {exclude: exclude.map((one) => [one])} : document;
        const {violations} = await axe.run(part, {
            resultTypes: ["violations"],
            runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"],
        });
        return Object.fromEntries(
            violations.flatMap(({id, nodes}) =>
                nodes.map((node) => [
                    signature(id, node),
                    `${name}: ${id}: ${node.html.slice(0, 300)} ${
                        node.failureSummary?.split("\n")[1] ?? ""
                    }`,
                ])
            )
        );
    }

    const known = {};
    for (const screen of SCREENS.plain) {
        Object.assign(known, await look(screen));
    }
    const found = {};
    for (const screen of SCREENS.ours) {
        Object.assign(found, await look(screen));
    }
    const ours = Object.keys(found).filter((fault) => !(fault in known));
    console.log(`axe: ${Object.keys(known).length} known, ${ours.length} new`);
    if (ours.length) {
        console.error(ours.map((fault) => found[fault]).join("\n"));
    } else {
        console.log("test successful");
    }
})();
