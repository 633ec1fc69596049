# Everything lies in dev/; this file only names the commands.
PYTHON ?= python3
DEV = $(PYTHON) -m dev

.PHONY: help demo test bench latency stress lint pot screenshots solution simulator odoo clean

help:
	@echo "make demo       both sides with sample data, coupled and synchronized, then"
	@echo "                served until Ctrl-C (SERVE=0: stop after the summary)"
	@echo "make test       every test (TAGS=: as Odoo's --test-tags; pure: those without"
	@echo "                Odoo; conformance: the facts about Dataverse; stress: the"
	@echo "                sample of make stress; apps: those that need other Odoo apps;"
	@echo "                dynamics: the script for Dynamics 365, with Node.js)"
	@echo "make bench      what synchronization costs beside Odoo alone (N= records;"
	@echo "                MATCH= only match-based coupling, of so many)"
	@echo "make latency    how soon the other side sees a change (N= on each side)"
	@echo "make stress     long campaigns of faults, crashes and random histories"
	@echo "                (MINUTES= for all, SEED= to see it again, TIERS= some of them)"
	@echo "make lint       every static check"
	@echo "make pot        the addon's terms, for translators, into i18n/"
	@echo "make screenshots  run the tours; their pictures go into static/description/"
	@echo "make solution   the button for Dynamics 365, to be imported there"
	@echo "make simulator  a local Dataverse (PORT=, DATA= a folder, HTTP_PORT=)"
	@echo "make odoo       Odoo with the addon, to develop on (PORT=; for a simulator"
	@echo "                HOSTS=localhost:8443 and CA= the file that it names)"
	@echo "make clean      remove .local/"
	@echo "PYTHON= names a Python 3.11 to 3.13, ODOO_PATH= an existing Odoo 19 source,"
	@echo "PGHOST= with PGPORT=, PGUSER=, PGPASSWORD= an existing PostgreSQL."

demo:
	@$(DEV) demo

test:
	@$(DEV) test --tags='$(TAGS)'

bench:
	@$(DEV) bench --n='$(N)' --match='$(MATCH)'

latency:
	@$(DEV) latency --n='$(N)'

stress:
	@$(DEV) stress --minutes='$(MINUTES)' --seed='$(SEED)' --tiers='$(TIERS)'

lint:
	@$(DEV) lint

pot:
	@$(DEV) pot

screenshots:
	@$(DEV) screenshots

solution:
	@$(DEV) solution

simulator:
	@$(DEV) simulator --port='$(PORT)' --data='$(DATA)' --http-port='$(HTTP_PORT)'

odoo:
	@$(DEV) odoo --port='$(PORT)' --hosts='$(HOSTS)' --ca='$(CA)'

clean:
	@$(DEV) clean
