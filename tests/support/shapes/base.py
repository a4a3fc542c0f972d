from abc import ABC, abstractmethod

from bedside.plugins import Plugin


class Shape(Plugin, ABC):
    @abstractmethod
    def area(self) -> float: ...
