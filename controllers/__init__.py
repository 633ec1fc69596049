from . import open_record
