"""Clinical gates as data: limits from params.yaml, findings from evidence, a verdict in words."""

from bedside.gates.case import Case as Case
from bedside.gates.case import open_case as open_case
from bedside.gates.limits import Budget as Budget
from bedside.gates.limits import Gates as Gates
from bedside.gates.limits import NonInferiority as NonInferiority
from bedside.gates.paired import non_inferior as non_inferior
from bedside.gates.result import GateResult as GateResult
from bedside.gates.verdict import judge as judge
