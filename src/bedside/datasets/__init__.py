"""Where recordings come from (`Source` strategies) and how windows are stored (`windows`)."""
