/** @odoo-module **/

/**
 * A step that has the test keep a picture of this moment (see `TestTour`), and waits
 * until it is taken. Whoever runs the tour by hand gets none, and waits a second.
 */
export const picture = (name) => ({
    content: `picture: ${name}`,
    trigger: "body",
    async run() {
        const taken = new Promise((done) => {
            document.addEventListener("picture_taken", done, {once: true});
            setTimeout(done, 1000);
        });
        // What moves comes to rest, and nothing is pointed at.
        document.activeElement?.blur();
        await new Promise((done) => setTimeout(done, 300));
        console.log(`picture: ${name}`);
        await taken;
    },
});
