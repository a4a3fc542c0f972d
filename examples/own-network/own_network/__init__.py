"""A network, its weights and a task that are not bedside's."""
