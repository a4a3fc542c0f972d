"""The stage is `bedside.stages.train_teacher`; by this name it is started from the project's folder."""

from bedside.stages.train_teacher import TrainTeacher, main, train_teacher, trained

__all__ = ["TrainTeacher", "train_teacher", "trained"]

if __name__ == "__main__":
    main()
