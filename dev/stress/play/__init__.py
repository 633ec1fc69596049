"""Random histories on a real Odoo and a simulated Dataverse; runs inside Odoo.

Read in this order: `world` (both sides, and the people who work there, also while a run
waits for an answer), `ghost` (what people did and could see, and what must hold after
it), `machine` (the rules by which histories are drawn), `campaign` (many histories).
"""
