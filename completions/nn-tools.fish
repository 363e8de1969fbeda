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

# Columns of the first file on the line that has any, and words.
function __nn_column
    set -l tokens (commandline -o)
    set -l before ''
    for token in $tokens[2..-1]
        if test -f "$token"; and not contains -- $before -o --output -m --model
            set -l names ($tokens[1] --generate columns "$token" 2>/dev/null)
            if set -q names[1]
                printf '%s\n' $names
                break
            end
        end
        set before $token
    end
    test (count $argv) -gt 0; and printf '%s\n' $argv
end

# The same behind names that are there already, with commas between.
function __nn_columns
    set -l chosen (string match -r '.*,' -- (commandline -ct))
    for name in (__nn_column $argv)
        echo "$chosen$name"
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

