from . import integration_both_sides
from . import integration_coupling_wizard
from . import integration_match_wizard
from . import integration_preview
from . import integration_synchronize_wizard
from . import integration_uncouple_wizard
from . import integration_undo_wizard
