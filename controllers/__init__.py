from . import open_record
from . import webhook
