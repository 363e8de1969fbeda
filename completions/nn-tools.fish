# Completion of nn-tools for fish: what all tools share. The build puts it in front of what
# `TOOL --generate fish` makes of each tool's options.

function __nn_devices
    echo cpu
    nn-devices 2>/dev/null
end

# The files behind an already typed "MODEL@": one for each device; otherwise models.
function __nn_members
    set -l token (commandline -ct)
    if string match -q '*@*' -- $token
        for device in (__nn_devices)
            echo (string replace -r '@[^@]*$' '' -- $token)@$device
        end
    else
        __nn_files .nn
    end
end

# Files whose names have one of the endings, and folders; all files if there are none.
function __nn_files
    set -l pattern (string join '|' -- (string escape --style=regex -- $argv))
    set -l files (__fish_complete_path (commandline -ct) | string match -r ".*(?:/|(?:$pattern)(?:\.gz|\.zst)?)(?:\t.*)?\$")
    if set -q files[1]
        printf '%s\n' $files
    else
        __fish_complete_path (commandline -ct)
    end
end

