import { EventBus, reactive } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { user } from "@web/core/user";

/**
 * The synchronizations that are running now, as the bus tells them.
 *
 * `jobs`: by id, see `integration.sync.job._progress`. `bus` triggers "ended" with the
 * last message of a job.
 */
export const progressService = {
    dependencies: ["bus_service", "notification", "orm"],

    async start(env, { bus_service: busService, notification, orm }) {
        const jobs = reactive({});
        const bus = new EventBus();

        const show = (job) => {
            if (job.state === "running") {
                jobs[job.id] = job;
                return;
            }
            delete jobs[job.id];
            bus.trigger("ended", job);
            if (job.user_id === user.userId) {
                notification.add(job.message, {
                    title: job.name,
                    type: job.state === "done" ? "success" : "warning",
                });
            }
        };
        const stop = (job) => orm.call("integration.sync.job", "action_stop", [[job.id]]);

        if (await user.hasGroup("dataverse_sync.group_user")) {
            busService.subscribe("dataverse_sync.progress", show);
            busService.start();
            // Whoever comes later, or comes back, sees what is going on already.
            orm.silent
                .call("integration.sync.job", "running", [])
                .then((running) => running.forEach(show));
        }
        return { jobs, bus, stop };
    },
};

/** What is shown of a job beside its bar. */
export function describe(job) {
    const { processed, total, rate } = job;
    const parts = [_t("%(processed)s of %(total)s", { processed, total })];
    if (rate) {
        parts.push(_t("%s per second", rate));
    }
    if (job.left !== null && processed < total) {
        const minutes = Math.ceil(job.left / 60);
        parts.push(
            job.left < 90 ? _t("%s s left", job.left) : _t("%s min left", minutes)
        );
    }
    return parts.join(" · ");
}

export function percent(job) {
    return job.total ? Math.floor((100 * job.processed) / job.total) : 0;
}

registry.category("services").add("dataverse_progress", progressService);
