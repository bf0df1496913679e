"""The doctor: what is wrong with a training, proved by experiment, and what to change.

    report = examine(Program(net=net, loss=loss, optimizer=optimizer, train=(x, y), validation=(xv, yv)))
    print(report)

*Quantities* are measured (patient.py, course.py), *suspicions* are rules over them (causes/, a file a family), *experiments*
decide (trials.py): the program is trained beside a cured copy of it, on the same batches with the same seeds. Where
no cure helps nothing is claimed.
"""

from profundo.doctor.examination import examine
from profundo.doctor.programs import Program
from profundo.doctor.verdicts import Experiment, Finding, Report
from profundo.doctor.watching import watch

__all__ = ["Experiment", "Finding", "Program", "Report", "examine", "watch"]
