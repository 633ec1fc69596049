from . import test_synchronize
