include: "workflow/Snakefile"


# An included file cannot set the default target.
use rule all as default with:
    default_target: True
    log:
        "<results>/logs/default.log",
