"""Images: told by a fingerprint, and carried only when they really travel.

What is read, compared and remembered of an image is a text that changes with it: in
Odoo the checksum of its attachment, with its size; in Dataverse the time of its last
change. Neither side has to hand out the image for that. Once a plan says that an image
travels, the text in the plan is replaced by a :class:`dataverse.Picture`, which is that
text and the image itself.
"""

import base64
from time import monotonic

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import human_size

from .. import dataverse
from .pull import CREATES
from .push import BACK_OFF

# So many bytes of images are held in memory at once, and so many seconds they may take
# to arrive; records beyond that come next. A single image may be larger.
BYTES_AT_ONCE = 32 * 2**20
SECONDS_AT_ONCE = 60


class IntegrationImages(models.AbstractModel):
    _name = "integration.engine.images"
    _description = "Carries Images"

    # -- telling one from another -----------------------------------------------------

    @api.model
    def _fingerprints(self, records, name):
        """What tells the images of records from others.

        :param name: of a binary field
        :return: ``{id: "checksum/bytes"}``; records without an image are missing
        """
        field = records._fields[name]
        if not (field.store and field.attachment):
            contents = {record.id: self._content(record, name) for record in records}
            checksum = self.env["ir.attachment"]._compute_checksum
            return {
                id_: f"{checksum(content)}/{len(content)}"
                for id_, content in contents.items()
                if content
            }
        attachments = (
            self.env["ir.attachment"]
            .sudo()
            .search_fetch(
                [
                    ("res_model", "=", records._name),
                    ("res_field", "=", name),
                    ("res_id", "in", records.ids),
                ],
                ["res_id", "checksum", "file_size"],
            )
        )
        return {one.res_id: f"{one.checksum}/{one.file_size}" for one in attachments}

    @api.model
    def _content(self, record, name):
        """The bytes of an image of Odoo."""
        value = record.with_context(bin_size=False)[name]
        # It is not looked at again: nothing but memory would keep it.
        record.invalidate_recordset([name], flush=False)
        return base64.b64decode(value or b"")

    @api.model
    def _shown(self, value):
        """An image as people read of it: "image (34.2 Kb)"."""
        _checksum, _slash, size = str(value).partition("/")
        if not size:
            return self.env._("image")
        return self.env._("image (%s)", human_size(int(size)))

    @api.model
    def _not_kept(self, session, values, side):
        """The names of images in values that were logged: only told, not kept."""
        images = session.schema.images(side)
        return [name for name, value in values.items() if value and name in images]

    @api.model
    def _pairs(self, session):
        """``(field, column)`` of each line that couples images."""
        return [
            (line.fields[0], line.columns[0])
            for group in session.schema.groups
            for line in group.lines
            if not line.rule.comparable
        ]

    # -- to Dataverse -----------------------------------------------------------------

    @api.model
    def _take_along(self, session, items):
        """Put the images that go to Dataverse into the plans.

        An image that was changed since the plan was made goes out as it is now, and
        once more with the next run, which sees the change. What does not fit into
        memory is put back.
        """
        pairs = self._pairs(session)
        left = BYTES_AT_ONCE
        for item in items if pairs else ():
            if item.action != "fields":
                continue
            push = item.plan.push
            names = [(f, c) for f, c in pairs if push.get(c)]
            if names and left <= 0:
                self.env["integration.engine.pull"]._put_back(session, item)
                continue
            record = session.records.browse(item.res_id)
            for name, column in names:
                content = self._content(record, name)
                push[column] = dataverse.Picture(push[column], content)
                left -= len(content)

    # -- from Dataverse ---------------------------------------------------------------

    @api.model
    def _fetch(self, session, items):
        """Put the images that come from Dataverse into the plans. Commits afterwards.

        Talks to Dataverse, so it runs while nothing is locked. What does not fit into
        memory is put back.

        :raise dataverse.DataverseError: when it concerns the whole connection
        """
        pairs = self._pairs(session)
        left, until, asked = BYTES_AT_ONCE, monotonic() + SECONDS_AT_ONCE, False
        for item in items if pairs else ():
            for name, column in pairs:
                values = self._values(item)
                if not values.get(name):
                    continue
                if asked and (left <= 0 or monotonic() > until):
                    self.env["integration.engine.pull"]._put_back(session, item)
                    break
                asked = True
                content = self._receive(session, item, name, column)
                if content:
                    values[name] = dataverse.Picture(values[name], content)
                    left -= len(content)
        if asked:
            # Dataverse took its time.
            self.env["integration.engine.run"]._commit(session)

    @api.model
    def _values(self, item):
        """The values that an item writes in Odoo."""
        if item.action in CREATES:
            return item.values
        return item.plan.pull if item.action == "fields" else {}

    @api.model
    def _receive(self, session, item, name, column):
        """The bytes of an image; ``None`` when the item goes on without it."""
        push = self.env["integration.engine.push"]
        gone = self.env._("The picture of '%s' is gone as soon as it is fetched.")
        try:
            content = session.client.image(session.table, item.external_id, column)
        except dataverse.DataverseError as error:
            if error.kind in ("auth", "throttle"):
                raise
            if error.name == "ObjectDoesNotExist":
                return push._look_again(session, item, gone)
            if error.kind == "transient":
                item.waiting_for = BACK_OFF[min(item.attempts, len(BACK_OFF) - 1)]
            sentence = self.env["integration.engine.gateway"]._sentence(error)
            return self._leave_out(session, item, name, error.kind, sentence)
        if not content:
            return push._look_again(session, item, gone)
        try:
            self._check(session.records._fields[name], content)
        except UserError as error:
            return self._leave_out(session, item, name, "permanent", error.args[0])
        return content

    @api.model
    def _check(self, field, content):
        """Refuse what Odoo would refuse.

        :raise UserError: a sentence of Odoo
        """
        if isinstance(field, fields.Image):
            field._image_process(base64.b64encode(content), self.env)

    @api.model
    def _leave_out(self, session, item, name, kind, sentence):
        """Write an item without an image that cannot be had, and say so."""
        if item.action == "fields":
            item.plan.hold_back({name}, "odoo")
        else:
            left = [group for group in item.groups if name in group.fields]
            item.groups = tuple(g for g in item.groups if g not in left)
            for field in {field for group in left for field in group.fields}:
                item.values.pop(field, None)
        plan = self.env["integration.engine.plan"]
        plan._fail(
            session,
            item,
            kind,
            self.env._(
                "%(field)s of '%(name)s' was not brought to Odoo. %(sentence)s",
                field=session.records._fields[name]._description_string(self.env),
                name=plan._title(session, item),
                sentence=sentence,
            ),
            field_name=name,
        )
