from . import test_connection
from . import test_deletions
from . import test_journal
from . import test_matching
from . import test_partner
from . import test_synchronize
