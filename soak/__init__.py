"""Fault soak: random scenarios against the real program, over real HTTP to a server that fails.

``make soak SEEDS=200`` runs that many scenarios, several at once, and prints a line
for each. A scenario draws its inputs, options, faults and interruptions from its
seed. It pushes files into one table, kills and stops pushes, fills the disk, resumes,
lets files grow, and pushes other files; the server answers with errors, drops
connections, and applies requests late. In the end every promise that concerns
records is checked: the account, the table, the rejects, the checkpoint, the exit
codes, and that the API key shows nowhere.

``make soak SEED=17`` runs one scenario alone. Its plan is the same each time, and its
timing is not: a failure that hangs on timing may take several tries (TIMES=20). The
directory of a scenario that failed is kept in ``demo/soak``.

    plan.py          what a seed draws: inputs, options, faults, interruptions
    records.py       keys and records of every kind, and what must become of each
    inputs.py        records as the bytes of a file, and as rejects
    table.py         what the server holds
    faults.py        what the server does with a request
    server.py        HTTP, written by hand, so that it can break its rules
    process.py       rjcli as a process
    command.py       its options
    world.py         what all pushes of a scenario share
    pushing.py       one command, started again and again until its input is loaded
    interrupting.py  what is done to it while it runs
    scenario.py      carries out a plan
    checks.py        what must hold after each invocation
    final.py         what must hold in the end
"""
