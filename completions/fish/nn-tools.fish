# Completion of nn-tools for fish. One file serves all tools; it is linked to their names.

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

function __nn_data
    __nn_files .csv .tsv .tab .npy .npz .idx -ubyte .svm .libsvm .svmlight .data .arrows .arrow .feather
end

function __nn_streams
    __nn_files .arrows .arrow .feather
end

# ---- all tools
for tool in nn-read nn-train nn-predict nn-aggregate nn-eval nn-model nn-devices nn-worker
    complete -c $tool -f
    complete -c $tool -s h -l help -d 'Print help and exit'
    complete -c $tool -s q -l quiet -d 'Only errors on stderr'
    complete -c $tool -s v -l verbose -d 'Say more on stderr'
    complete -c $tool -l version -d 'Print the version and exit'
end

# ---- tools that take data
for tool in nn-read nn-train nn-predict nn-eval
    complete -c $tool -k -a '(__nn_data)'
    complete -c $tool -l format -x -a 'automatic csv tsv npy npz idx libsvm stream' -d 'Format of the input'
    complete -c $tool -l delimiter -x -a 'tab space' -d 'What stands between cells'
    complete -c $tool -l header -d 'The first line names the columns'
    complete -c $tool -l no-header -d 'The first line is data'
    complete -c $tool -l skip -x -d 'Leave out so many lines at the start'
    complete -c $tool -l comment -x -d 'Leave out lines that start with this'
    complete -c $tool -l missing -x -d 'A cell that is a missing value'
    complete -c $tool -l text -x -d 'Columns to read as text'
    complete -c $tool -l number -x -d 'Columns to read as numbers'
    complete -c $tool -l features -x -d 'Width of LIBSVM rows'
    complete -c $tool -l max-frame -x -d 'Limit for one message'
    complete -c $tool -l readers -x -d 'Threads that read'
    complete -c $tool -l label -x -a last -d 'Column of classes'
    complete -c $tool -l target -x -a last -d 'Column of numbers to learn'
    complete -c $tool -l labels -x -k -a '(__nn_data)' -d 'File with a label for each row'
    complete -c $tool -l trim-label -x -d 'Strip these characters from labels'
    complete -c $tool -l id -x -a last -d 'Column that is passed through'
    complete -c $tool -l select -x -d 'Keep only these columns'
    complete -c $tool -l drop -x -d 'Leave these columns out'
    complete -c $tool -l rows -x -d 'Rows FIRST:END'
    complete -c $tool -l shard -x -d 'Every N-th row, I/N'
    complete -c $tool -l split -x -d 'A part of the rows, NAME:FRACTION'
    complete -c $tool -l part -x -d 'The part to read'
end
for tool in nn-train nn-predict nn-eval
    complete -c $tool -l split-seed -x -d 'Seed of --split'
end
for tool in nn-read nn-predict nn-aggregate nn-eval
    complete -c $tool -s o -l output -r -F -d 'Where to write'
end
for tool in nn-read nn-predict nn-aggregate
    complete -c $tool -l to -x -a 'text csv json npy stream' -d 'Format of the output'
end

# ---- nn-read
complete -c nn-read -l seed -x -d 'Seed of --split and --shuffle'
complete -c nn-read -l shuffle -d 'Shuffle all rows, or within a buffer of =N'
complete -c nn-read -l repeat -d 'Read the inputs for ever, or =N times'
complete -c nn-read -l batch -x -d 'Rows of a batch'

# ---- nn-train
complete -c nn-train -l valid -x -k -a '(__nn_data)' -d 'Fraction or file of rows to validate on'
complete -c nn-train -l standardize -d 'Features to mean 0 and variance 1'
complete -c nn-train -l class-weight -x -a balanced -d 'Weights by class'
complete -c nn-train -l layers -x -d 'Widths of dense layers'
complete -c nn-train -l net -x -d 'Layers in full'
complete -c nn-train -l activation -x -a 'linear relu leaky_relu elu selu gelu tanh sigmoid softplus' -d 'Activation of --layers'
complete -c nn-train -l dropout -x -d 'Dropout rate behind each of --layers'
complete -c nn-train -l loss -x -a 'categorical_crossentropy binary_crossentropy mse mae huber' -d 'What to minimise'
complete -c nn-train -l optimizer -x -a 'sgd momentum nesterov rmsprop adam adamw' -d 'How to minimise it'
complete -c nn-train -l lr -x -d 'Learning rate'
complete -c nn-train -l momentum -x -d 'Of momentum and nesterov'
complete -c nn-train -l rho -x -d 'Of rmsprop'
complete -c nn-train -l beta-1 -x -d 'Of adam and adamw'
complete -c nn-train -l beta-2 -x -d 'Of adam and adamw'
complete -c nn-train -l epsilon -x -d 'Of rmsprop, adam and adamw'
complete -c nn-train -l weight-decay -x -d 'Of adamw'
complete -c nn-train -l l2 -x -d 'L2 penalty of the kernels'
complete -c nn-train -l clip-norm -x -d 'Limit of the gradient\'s norm'
complete -c nn-train -l schedule -x -a 'constant step cosine one_cycle cosine_restarts' -d 'How the learning rate changes'
complete -c nn-train -l warmup -x -d 'Steps or epochs in which the rate rises'
complete -c nn-train -l label-smoothing -x -d 'Part of a label that goes to all classes'
complete -c nn-train -l ema -x -d 'Keep a moving average of the weights'
complete -c nn-train -l augment -x -a 'shift flip crop' -d 'Change images at random'
complete -c nn-train -l batch -x -d 'Rows of a step'
complete -c nn-train -l accumulate -x -d 'Batches of a step'
complete -c nn-train -l members -x -d 'Train so many networks at once'
complete -c nn-train -l share-batches -d 'All members see the same rows'
complete -c nn-train -l lr-find -d 'Print the loss over rising learning rates'
complete -c nn-train -l snapshots -d 'A model for each cycle of the schedule'
complete -c nn-train -l epochs -x -d 'Passes over the rows'
complete -c nn-train -l stop-after -x -d 'End after this time'
complete -c nn-train -l early-stopping -x -d 'End after so many epochs without gain'
complete -c nn-train -l seed -x -d 'Seed of everything random'
complete -c nn-train -l device -x -a '(__nn_devices)' -d 'Where to train'
complete -c nn-train -l precision -x -a 'float32 tf32 bf16' -d 'Of products, on CUDA devices'
complete -c nn-train -s o -l output -x -k -a '(__nn_files .nn)' -d 'The model'
complete -c nn-train -l log -r -F -d 'A JSON object for each epoch'
complete -c nn-train -l log-every -x -d 'Also every N steps'
complete -c nn-train -l checkpoint -x -k -a '(__nn_files .ckpt)' -d 'Where to save an unfinished run'
complete -c nn-train -l checkpoint-every -x -d 'Save it regularly'
complete -c nn-train -l resume -d 'Go on from the checkpoint'
complete -c nn-train -l command-line -x -d 'What the model remembers as its command line'

# ---- nn-predict, nn-aggregate, nn-eval
complete -c nn-predict -s m -l model -x -k -a '(__nn_members)' -d 'MODEL[@DEVICE][*WEIGHT]'
complete -c nn-predict -l precision -x -a 'float32 tf32 bf16' -d 'Of the products'
complete -c nn-predict -l device -x -a '(__nn_devices)' -d 'Of models that name none'
complete -c nn-aggregate -l device -x -a '(__nn_devices)' -d 'Of a stacking model'
complete -c nn-aggregate -l weight -x -d 'One a member'
complete -c nn-predict -l batch -x -d 'Rows of a batch'
complete -c nn-aggregate -k -a '(__nn_streams)'
for tool in nn-predict nn-aggregate
    complete -c $tool -l rule -x -a 'mean vote weighted geometric median rank max trimmed concat stack:' -d 'How to combine'
    complete -c $tool -l uncertainty -x -a 'entropy variance mutual-information' -d 'Add how unsure each row is'
end
complete -c nn-aggregate -l quorum -x -d 'Go on with so many members'
complete -c nn-aggregate -l max-frame -x -d 'Limit for one message'
complete -c nn-eval -l json -d 'As a JSON object'
complete -c nn-eval -l per-class -d 'Precision, recall, F1 and support of each class'
complete -c nn-eval -l confusion -d 'The confusion matrix'
complete -c nn-eval -l auc -d 'Area under the ROC curve'
complete -c nn-eval -l calibration -d 'Confidence and accuracy in bins'
complete -c nn-eval -l top-k -x -d 'Share of rows whose class is among the K most probable'
complete -c nn-eval -l classes -x -d 'Names of the probabilities'
complete -c nn-devices -s l -l long -d 'With a description behind each name'
complete -c nn-devices -l count -d 'Only how many there are'

# ---- nn-model
set -l subcommands show verify convert publish
complete -c nn-model -n "not __fish_seen_subcommand_from $subcommands" -a show -d 'Print what a model is'
complete -c nn-model -n "not __fish_seen_subcommand_from $subcommands" -a verify -d 'Check digests'
complete -c nn-model -n "not __fish_seen_subcommand_from $subcommands" -a convert -d 'Convert between .nn and .npz'
complete -c nn-model -n "not __fish_seen_subcommand_from $subcommands" -a publish -d 'Put a model into a repository'
complete -c nn-model -n '__fish_seen_subcommand_from publish' -l as -x -d 'The version'
complete -c nn-model -n '__fish_seen_subcommand_from publish' -r -F
complete -c nn-model -n '__fish_seen_subcommand_from show' -l json -d 'As a JSON object'
complete -c nn-model -n '__fish_seen_subcommand_from show verify' -k -a '(__nn_files .nn .ckpt)'
complete -c nn-model -n '__fish_seen_subcommand_from convert' -k -a '(__nn_files .nn .npz)'

# ---- workers
set -l schemes tcp:// tls:// unix: ssh:// exec:
for tool in nn-predict nn-train
    complete -c $tool -l at -x -a "$schemes" -d 'A worker'
    complete -c $tool -l connect-timeout -x -d 'For workers that can\'t be reached'
end
complete -c nn-predict -l hosts -r -F -d 'Endpoints, one a line'
complete -c nn-predict -l quorum -x -d 'Members that suffice'
complete -c nn-predict -l deadline -x -d 'Milliseconds for the answer to a batch'
complete -c nn-predict -l hedge -x -d 'Milliseconds until a second worker is asked'
for tool in nn-predict nn-train nn-worker
    complete -c $tool -l token-file -r -F -d 'What workers ask for'
    complete -c $tool -l tls-cert -r -F -d 'The own certificate'
    complete -c $tool -l tls-key -r -F -d 'Its private key'
    complete -c $tool -l tls-ca -r -F -d 'Who signs the other side\'s'
end
complete -c nn-worker -l listen -x -a 'tcp:// tls:// unix:' -d 'Where clients connect'
complete -c nn-worker -l stdio -d 'Serve one client on stdin and stdout'
complete -c nn-worker -l max-connections -x -d 'More are busy'
complete -c nn-worker -l max-inflight -x -d 'Requests of all clients'
complete -c nn-worker -l max-frame -x -d 'Limit for one message'
complete -c nn-worker -l idle-timeout -x -d 'Close connections without requests'
complete -c nn-worker -l drain-timeout -x -d 'For requests under way at the end'
complete -c nn-worker -s m -l model -x -k -a '(__nn_files .nn)' -d '[NAME=]FILE'
complete -c nn-worker -l train -x -a '(__fish_complete_directories)' -d 'Let clients train'
complete -c nn-worker -l max-rows-bytes -x -d 'Limit for the rows of one training'
complete -c nn-worker -l repository -r -F -d '[NAME=]BASE'
complete -c nn-worker -l policy -x -a 'latest: all specific:' -d 'Versions of repositories'
complete -c nn-worker -l poll -x -d 'How often repositories are looked at'
complete -c nn-worker -l device -x -a '(__nn_devices)' -d 'Where to compute'
complete -c nn-worker -l precision -x -a 'float32 tf32 bf16' -d 'Of the products'
complete -c nn-worker -l batch-max -x -d 'Rows of a step'
complete -c nn-worker -l batch-delay-us -x -d 'How long a request waits for others'
complete -c nn-worker -l health -x -a "$schemes" -d 'Print whether a worker serves'
complete -c nn-worker -l status -x -a "$schemes" -d 'Print what a worker is'
complete -c nn-worker -l models -x -a "$schemes" -d 'Print a worker\'s models'
complete -c nn-worker -l stats -x -a "$schemes" -d 'Print a worker\'s counters'
complete -c nn-worker -l load -x -a "$schemes" -d 'Have a worker load a version'
complete -c nn-worker -l unload -x -a "$schemes" -d 'Have a worker let a version go'
complete -c nn-worker -l log -r -F -d 'JSON lines of what happens'
complete -c nn-worker -l print-endpoint -d 'Print where it listens'
complete -c nn-worker -l port-file -r -F -d 'Write the port to it'
complete -c nn-worker -l pid-file -r -F -d 'Write the process id to it'
