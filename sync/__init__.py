"""The brain: what to do, decided by pure functions on plain data.

No Odoo, no HTTP, no clock. Read in this order: `values` (one form for each value),
`transform`, `convert`, `names`, `steps` and `geography` (one side's values in the
other's terms), `lines` (the lines of the field mapping, and the groups they form),
`base` (what both sides last agreed on), `plan` (the decision), `undo` (the way back),
`match` (which records belong together, with `keys` and `similar`), `order` (what must
come first).
"""

from . import keys, steps
from .base import Base
from .convert import Kind, conversion
from .geography import Country, State
from .lines import Group, Line, group_lines
from .match import Ambiguous, Criterion, Duplicates, Matching, Pair, match
from .names import NEW, Labels, Named
from .order import parents_first, topological
from .plan import (
    Drift,
    FieldConflict,
    FieldDecision,
    FieldPlan,
    Loser,
    Problem,
    RecordDecision,
    decide_field,
    decide_record,
    decide_uncoupled,
    differing,
    plan_create,
    plan_fields,
)
from .steps import Chain, Join, Step
from .transform import (
    Active,
    Choice,
    Choices,
    Constant,
    Email,
    Html,
    Image,
    PersonName,
    Phone,
    Rule,
    Same,
    Text,
    Untranslatable,
    Url,
)
from .undo import Restoration, plan_restoration
from .values import canonical, html_from_text, is_empty

__all__ = [
    "Active",
    "Ambiguous",
    "Base",
    "Chain",
    "Choice",
    "Choices",
    "Constant",
    "Country",
    "Criterion",
    "Drift",
    "Duplicates",
    "Email",
    "FieldConflict",
    "FieldDecision",
    "FieldPlan",
    "Group",
    "Html",
    "Image",
    "Join",
    "Kind",
    "Labels",
    "Line",
    "Loser",
    "Matching",
    "NEW",
    "Named",
    "Pair",
    "PersonName",
    "Phone",
    "Problem",
    "RecordDecision",
    "Restoration",
    "Rule",
    "Same",
    "State",
    "Step",
    "Text",
    "Untranslatable",
    "Url",
    "canonical",
    "conversion",
    "decide_field",
    "decide_record",
    "decide_uncoupled",
    "differing",
    "group_lines",
    "html_from_text",
    "is_empty",
    "keys",
    "match",
    "parents_first",
    "plan_create",
    "plan_fields",
    "plan_restoration",
    "steps",
    "topological",
]
