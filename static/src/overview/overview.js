import { Component, onWillStart, useState } from "@odoo/owl";
import { registry } from "@web/core/registry";
import { user } from "@web/core/user";
import { useBus, useService } from "@web/core/utils/hooks";
import { KanbanController } from "@web/views/kanban/kanban_controller";
import { kanbanView } from "@web/views/kanban/kanban_view";

/** How the connections stand: above the cards of the table mappings. */
export class ConnectionHealth extends Component {
    static template = "dataverse_sync.ConnectionHealth";
    static props = {};

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        const { bus } = useService("dataverse_progress");
        this.state = useState({ connections: [], isManager: false });
        onWillStart(() => this.load());
        useBus(bus, "ended", () => this.load());
    }

    async load() {
        const [connections, isManager] = await Promise.all([
            this.orm.call("integration.connection", "health", []),
            user.hasGroup("dataverse_sync.group_manager"),
        ]);
        Object.assign(this.state, { connections, isManager });
    }

    badge(connection) {
        return {
            connected: "text-bg-success",
            paused: "text-bg-warning",
            suspended: "text-bg-danger",
            draft: "text-bg-secondary",
        }[connection.state];
    }

    async run(connection, method) {
        const action = await this.orm.call("integration.connection", method, [
            [connection.id],
        ]);
        await this.load();
        if (action) {
            await this.action.doAction(action);
        }
    }

    open(connection) {
        this.action.doAction({
            type: "ir.actions.act_window",
            res_model: "integration.connection",
            res_id: connection.id,
            views: [[false, "form"]],
        });
    }

    setUp() {
        this.action.doAction("dataverse_sync.integration_setup_wizard_action");
    }

    review() {
        this.action.doAction("dataverse_sync.integration_full_sync_action");
    }
}

export class OverviewController extends KanbanController {
    static template = "dataverse_sync.OverviewController";
    static components = { ...KanbanController.components, ConnectionHealth };
}

registry.category("views").add("dataverse_overview", {
    ...kanbanView,
    Controller: OverviewController,
});
