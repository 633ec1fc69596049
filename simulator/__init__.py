"""A local Dataverse: the Web API of one organization, served over real HTTPS.

It stands alone (``python -m simulator``) and imports nothing from the rest of the
repository, so that what it says about the addon is evidence and not an echo.
"""
