package main

import "strings"

// What is wrong with paths, ports, the settings file, the variables and the command line.

var pathMistakes = []mistake{
	{
		name: "the models folder is not there", args: "serve --models nowhere", status: 1,
		says: "--models: models: cannot read the models folder HERE/nowhere: no such file or directory: create it, or correct the path",
	},
	{
		name: "a file in place of the models folder", args: "serve --models good/double.onnx", status: 1,
		says: "--models: models: the models folder HERE/good/double.onnx is a file: name the folder that holds the models, or serve the file by itself: sluice serve HERE/good/double.onnx",
	},
	{
		name: "a model file that is not there", args: "serve nowhere.onnx", status: 1,
		says: "cannot find HERE/nowhere.onnx: no such file or directory: create it, or correct the path",
	},
	{
		name: "a link that leads to itself", put: func(m machine) { m.link("loop", "loop") }, args: "serve --models loop", status: 1,
		says: "--models: models: cannot read the models folder HERE/loop: too many levels of symbolic links: mend the link, which leads back to itself",
	},
	{
		name: "a link that leads nowhere", put: func(m machine) { m.link("dangling", "gone") }, args: "check dangling", status: 1,
		says: "cannot find HERE/dangling: no such file or directory: create it, or correct the path",
	},
	{
		name: "a path through a file", args: "check good/double.onnx/1", status: 1,
		says: "cannot find HERE/good/double.onnx/1: not a directory: correct the path, a part of which is a file",
	},
	{
		name: "a variable names a models folder that is not there", env: "SLUICE_MODELS=goood", args: "serve", status: 1,
		says: "SLUICE_MODELS: models: cannot read the models folder HERE/goood: no such file or directory: create it, or correct the path",
	},
	{
		name: "a models folder that only another user may read", put: func(m machine) { m.folder("closed", 0) }, user: true, args: "serve --models closed", status: 1,
		says: "--models: models: cannot read the models folder HERE/closed: permission denied: give the user that runs sluice (uid UID) access to it",
	},
	{
		name: "two models folders", put: func(m machine) { m.folder("other", 0o755) }, args: "serve good other", status: 1,
		says: "two folders of models are named, HERE/good and HERE/other: name one of them",
	},
	{name: "an empty name of the models folder", args: "serve --models ''", status: 1, says: `--models: models: "" must name a folder`},
	{
		name: "an empty argument, as of an unset variable", args: "serve ''", status: 2,
		says: "an argument is empty: name a folder of models or a model file, or leave it out; a variable in the shell may be unset",
	},
	{
		name: "no models named, and none in ./models", args: "serve", status: 1,
		says: "no models are named and the folder HERE/models is not there: name a folder with --models DIR, or a model file: sluice serve MODEL.onnx",
	},
	{
		name: "an empty ./models", put: func(m machine) { m.folder("models", 0o755) }, args: "serve", status: 1,
		says: "no models are named and the folder HERE/models holds none: name a folder with --models DIR, or a model file: sluice serve MODEL.onnx",
	},
	{
		name: "a folder without models is checked", put: func(m machine) { m.folder("empty", 0o755) }, args: "check empty", status: 1,
		says: "no model found in HERE/empty: a model is <name>/<version>/model.onnx, or a file <name>.onnx",
	},
	{
		name: "the state folder is the models folder", args: "serve good --models good --state good", status: 1,
		says: `--state: state: "good" must be another folder than models, whose bundles are only read`,
	},
	{
		name: "the trace's folder is not there", args: "serve good --record nowhere/a.jsonl", status: 1,
		says: "--record: record.file: cannot create the trace nowhere/a.jsonl: no such file or directory: create its folder, or correct the path",
	},
	{
		name: "the trace is a folder", args: "serve good --record good", status: 1,
		says: "--record: record.file: cannot create the trace good: it is a directory: name a file",
	},
	{
		name: "the trace is a pipe without a reader", put: func(m machine) { m.pipe("pipe") }, args: "serve good --record pipe", status: 1,
		says: "--record: record.file: cannot create the trace pipe: no such device or address: if it is a pipe, begin to read it first; else name a file",
	},
	{
		name: "the prediction log's folder is a file", args: "serve good --prediction-log-dir good/double.onnx", status: 1,
		says: "--prediction-log-dir: prediction_log.dir: cannot keep a prediction log in good/double.onnx: not a directory: correct the path, a part of which is a file",
	},
	{
		name: "the key of redacted inputs is not there", args: "serve good --prediction-log-dir log --prediction-log-redact x=hash --prediction-log-hash-key file:key", status: 1,
		says: "--prediction-log-hash-key: prediction_log.hash_key: cannot read the key of redacted inputs from key: no such file or directory: create it, or correct the path",
	},
	{
		name: "the key of redacted inputs is a variable that is not set", args: "serve good --prediction-log-dir log --prediction-log-redact x=hash --prediction-log-hash-key env:KEY", status: 1,
		says: "--prediction-log-hash-key: prediction_log.hash_key: KEY has a key of 0 bytes: values could be tried; it must have 16 or more, such as the output of openssl rand -hex 32",
	},
	{
		name: "a record is looked for in no folder", args: "log find a", status: 2,
		says: "no folder of a prediction log is named: name it with --dir, or set prediction_log.dir",
	},
	{
		name: "a record is looked for in a folder that is not there", args: "log find a --dir nowhere", status: 1,
		says: "cannot read the prediction log's folder nowhere: no such file or directory: create it, or correct the path",
	},
	{
		name: "labels are joined with no log", args: "log join labels.parquet", status: 2,
		says: "no prediction log is named: name a file or a folder with --log, or set prediction_log.dir",
	},
	{
		name: "labels are joined that are not there", args: "log join labels.parquet --log good", status: 1,
		says: "cannot read the labels labels.parquet: no such file or directory: create it, or correct the path",
	},
	{
		name: "what is replayed is neither a file nor in a log", args: "replay nowhere", status: 2,
		says: "nowhere is no file, and no folder is named to look for it as an id: name it with --dir, or set prediction_log.dir",
	},
	{
		name: "a replay is to show no row", args: "replay nowhere --worst 0", status: 2,
		says: "--worst: 0 must be 1 or more",
	},
	{
		name: "a replay is to ask nothing at once", args: "replay nowhere --workers -1", status: 2,
		says: "--workers: -1 must be 1 or more",
	},
	{
		name: "recorded requests are compared with no candidate", args: "compare good --capsules nowhere", status: 2,
		says: "--capsules needs --candidate: name the version to judge",
	},
	{
		name: "a model without a name is compared", args: "compare ''", status: 2,
		says: "sluice compare needs a MODEL that is not empty",
	},
	{
		name: "a candidate without a name is compared", args: "compare good --candidate :", status: 2,
		says: "--candidate: \":\" must be a VERSION, or NAME:VERSION of another model",
	},
	{
		name: "recorded requests are to be waited for", args: "compare good --capsules nowhere --candidate 2 --wait", status: 2,
		says: "--watch and --wait are for shadows of a running gateway, not for --capsules",
	},
	{
		name: "a version of no model is to be asked", args: "replay good --model :3", status: 2,
		says: "--model \":3\" is not as NAME or NAME:VERSION",
	},
	{
		name: "a share is above all", args: "models canary m 2 101%", status: 2,
		says: "the share \"101%\" is not from 0 to 1 or from 0% to 100%, in steps of 0.01%",
	},
	{
		name: "a model without a name is promoted", args: "models promote '' 3", status: 2,
		says: "sluice models promote needs a MODEL that is not empty",
	},
	{
		name: "the history of two models", args: "models history a b", status: 2,
		says: "sluice models history takes one MODEL at most, not \"a b\"; --help says more",
	},
	{
		name: "a file is flattened that is none of the log", args: "log flatten good/double.onnx --out flat", status: 1,
		says: "cannot read good/double.onnx: it is no whole Parquet file: invalid magic header of parquet file: \"\\b\\t\\x12\\x0e\"",
	},
	{
		name: "the access log is a pipe without a reader", put: func(m machine) { m.pipe("pipe") }, args: "serve good --access-log-file pipe", status: 1,
		says: "--access-log-file: access_log.file: cannot open the access log pipe: no such device or address: if it is a pipe, begin to read it first; else name a file",
	},
	{
		name: "the access log's folder is not there", args: "serve good --access-log-file nowhere/a.log", status: 1,
		says: "--access-log-file: access_log.file: cannot open the access log nowhere/a.log: no such file or directory: create its folder, or correct the path",
	},
	{
		name: "the access log's folder cannot be written", put: func(m machine) { m.folder("logs", 0o555) }, user: true, args: "serve good --access-log-file logs/a.log", status: 1,
		says: "--access-log-file: access_log.file: cannot open the access log logs/a.log: permission denied: give the user that runs sluice (uid UID) access to it",
	},
	{
		name: "the access log is a folder", args: "serve good --access-log-file good", status: 1,
		says: "--access-log-file: access_log.file: cannot open the access log good: it is a directory: name a file",
	},
	{
		name: "the token's file is not there", args: "serve good --admin 127.0.0.1:0 --admin-token-file token", status: 1,
		says: "--admin-token-file: admin_token_file: cannot read the admin port's token from token: no such file or directory: create it, or correct the path",
	},
	{
		name: "the token's file is empty", put: written("token", "\n"), args: "serve good --admin 127.0.0.1:0 --admin-token-file token", status: 1,
		says: "--admin-token-file: admin_token_file: token is empty: write the admin port's token into it, or leave the setting out",
	},
	{
		name: "the token's file does not end", args: "serve good --admin 127.0.0.1:0 --admin-token-file /dev/zero", status: 1,
		says: "--admin-token-file: admin_token_file: cannot read the admin port's token from /dev/zero: it has more than 4096 bytes",
	},
	{
		name: "the token has several lines", put: written("token", "user\nsecret\n"), args: "serve good --admin 127.0.0.1:0 --admin-token-file token", status: 1,
		says: "--admin-token-file: admin_token_file: token does not hold a token: write one line into it, of visible ASCII characters without spaces",
	},
	{
		name: "the token's file belongs to another user", put: func(m machine) { m.write("token", "secret"); m.mode("token", 0) }, user: true,
		args: "serve good --admin 127.0.0.1:0 --admin-token-file token", status: 1,
		says: "--admin-token-file: admin_token_file: cannot read the admin port's token from token: permission denied: give the user that runs sluice (uid UID) access to it",
	},
}

var portMistakes = []mistake{
	{
		name: "the predict port is in use", args: "serve good --listen 127.0.0.1:TAKEN", status: 1,
		says: "cannot open the predict port: 127.0.0.1:TAKEN is in use: stop what listens there, or set listen to another port",
	},
	{
		name: "the admin port is in use", args: "serve good --admin 127.0.0.1:TAKEN", status: 1,
		says: "cannot open the admin port: 127.0.0.1:TAKEN is in use: stop what listens there, or set admin to another port",
	},
	{
		name: "a port that only root may open", user: true, args: "serve good --listen 127.0.0.1:1 --admin ''", status: 1,
		says: "cannot open the predict port: 127.0.0.1:1 is not allowed to the user that runs sluice (uid UID): set listen to a port from 1024, or grant CAP_NET_BIND_SERVICE",
	},
	{
		name: "a port without an address", args: "serve good --listen 8080", status: 1,
		says: `--listen: listen: "8080" must be host:port, such as 127.0.0.1:8080`,
	},
	{
		name: "an IPv6 address without brackets", args: "serve good --listen ::1:8080", status: 1,
		says: `--listen: listen: "::1:8080" must be host:port, such as 127.0.0.1:8080 or [::1]:8080`,
	},
	{
		name: "a port above 65535", args: "serve good --listen 127.0.0.1:99999", status: 1,
		says: `--listen: listen: "127.0.0.1:99999" must have a port from 0 to 65535, not "99999"`,
	},
	{
		name: "a URL in place of an address", args: "serve good --listen http://localhost:8080", status: 1,
		says: `--listen: listen: "http://localhost:8080" must be host:port, such as 127.0.0.1:8080`,
	},
	{
		name: "a host that is not known", args: "serve good --listen nowhere.invalid:8080", status: 1,
		says: "cannot open the predict port: the host of nowhere.invalid:8080 is not known: set listen to an address of this machine",
	},
	{
		name: "an address of another machine", args: "serve good --listen 192.0.2.1:8080", status: 1,
		says: "cannot open the predict port: this machine has no address 192.0.2.1:8080: set listen to one that it has, or to 0.0.0.0 and the port for all",
	},
	{name: "one address for both ports", args: "serve good --listen 127.0.0.1:FREE --admin 127.0.0.1:FREE", status: 1, says: "--admin: admin: 127.0.0.1:FREE must differ from listen"},
	{
		name: "one port for both, on all addresses and on one", args: "serve good --listen 0.0.0.0:45913 --admin 127.0.0.1:45913", status: 1,
		says: "--admin: admin: 127.0.0.1:45913 must differ from listen, 0.0.0.0:45913, in its port",
	},
	{
		name: "an admin port that others reach, without a token", args: "serve good --admin 0.0.0.0:8081", status: 1,
		says: "--admin: admin: 0.0.0.0:8081 can be reached by others, who could unload every model: set admin_token_file to a file with a token, or insist with admin_insecure",
	},
	{
		name: "a port for metrics that is another's", args: "serve good --listen 127.0.0.1:FREE --metrics-listen 127.0.0.1:FREE", status: 1,
		says: "--metrics-listen: metrics_listen: 127.0.0.1:FREE must differ from listen, 127.0.0.1:FREE, in its port",
	},
	{name: "an empty address", args: "serve good --listen ''", status: 1, says: `--listen: listen: "" must be host:port, such as 127.0.0.1:8080`},
}

var fileMistakes = []mistake{
	{
		name: "the settings file is not there", args: "serve --config nowhere.yaml", status: 1,
		says: "cannot read the settings file nowhere.yaml, which --config names: no such file or directory: create it, or correct the path",
	},
	{
		name: "the settings file is a folder", args: "config --config good", status: 1,
		says: "cannot read the settings file good, which --config names: it is a directory: name a file",
	},
	{
		name: "the settings file belongs to another user", put: func(m machine) { m.write("sluice.yaml", "listen: x"); m.mode("sluice.yaml", 0) }, user: true, args: "config --config sluice.yaml", status: 1,
		says: "cannot read the settings file sluice.yaml, which --config names: permission denied: give the user that runs sluice (uid UID) access to it",
	},
	{
		name: "a text that is no settings file", put: settingsOf("just words\n"), args: "config --config sluice.yaml", status: 1,
		says: `sluice.yaml:1: the file must be a mapping of settings, not "just words"`,
	},
	{
		name: "brackets without end", put: settingsOf(strings.Repeat("[", 5000)), args: "config --config sluice.yaml", status: 1,
		says: "sluice.yaml: line 1: more than 4096 brackets and braces are opened",
	},
	{
		name: "a bracket is left open", put: settingsOf("devices: [cpu\n"), args: "config --config sluice.yaml", status: 1,
		says: "sluice.yaml:1:10: sequence end token ']' not found; see to the indentation, the colons and the brackets there",
	},
	{
		name: "a tab in place of spaces", put: settingsOf("limits:\n\tmax_inputs: 5\n"), args: "config --config sluice.yaml", status: 1,
		says: "sluice.yaml:2:1: found a tab that cannot start any token; indent with spaces, not with tabs",
	},
	{
		name: "a key twice", put: settingsOf("base_path: /a\nbase_path: /b\n"), args: "config --config sluice.yaml", status: 1,
		says: `sluice.yaml:2:1: mapping key "base_path" already defined at [1:1]; leave one out`,
	},
	{
		name: "two documents", put: settingsOf("base_path: /a\n---\nbase_path: /b\n"), args: "config --config sluice.yaml", status: 1,
		says: "sluice.yaml:3: begins a second document: a file holds one",
	},
	{
		name: "an unknown key that is nearly one", put: settingsOf("limits:\n  max_imputs: 5\n"), args: "config --config sluice.yaml", status: 1,
		says: "sluice.yaml:2: there is no setting limits.max_imputs (did you mean max_inputs?): limits may have max_inputs, ...",
	},
	{
		name: "a section without its settings", put: settingsOf("drain:\n"), args: "config --config sluice.yaml", status: 1,
		says: "sluice.yaml:1: drain must be a mapping of settings, not nothing",
	},
	{
		name: "a word for a number", put: settingsOf("limits:\n  max_inputs: many\n"), args: "config --config sluice.yaml", status: 1,
		says: `sluice.yaml:2: limits.max_inputs: "many" is not a whole number`,
	},
	{
		name: "a number out of range", put: settingsOf("limits:\n  max_inputs: 100000000\n"), args: "config --config sluice.yaml", status: 1,
		says: "sluice.yaml:2: limits.max_inputs: 100000000 must be from 1 to 4096",
	},
	{
		name: "a size in a unit that is not there", put: settingsOf("limits:\n  max_body_bytes: 5MB\n"), args: "config --config sluice.yaml", status: 1,
		says: `sluice.yaml:2: limits.max_body_bytes: "5MB" is not a size: write bytes, or a whole number of KiB, MiB or GiB`,
	},
	{
		name: "a time without a unit", put: settingsOf("scheduler:\n  budget: 100\n"), args: "config --config sluice.yaml", status: 1,
		says: `sluice.yaml:2: scheduler.budget: "100" is not a duration such as 250ms or 5s`,
	},
	{
		name: "a time that is too long", put: settingsOf("scheduler:\n  budget: 2h\n"), args: "config --config sluice.yaml", status: 1,
		says: "sluice.yaml:2: scheduler.budget: 2h0m0s must be from 0s to 1h0m0s",
	},
	{
		name: "limits that contradict each other", put: settingsOf("limits:\n  max_body_bytes: 2MiB\n  max_bodies_bytes: 1MiB\n"), args: "config --config sluice.yaml", status: 1,
		says: "sluice.yaml:3: limits.max_bodies_bytes: 1MiB must hold one body of limits.max_body_bytes, 2MiB",
	},
	{
		name: "limits that need more memory than there may be", put: settingsOf("limits:\n  memory: 512MiB\n  max_bodies_bytes: 600MiB\n"), args: "config --config sluice.yaml", status: 1,
		says: "requests may hold 601MiB together (limits.max_bodies_bytes 600MiB, limits.max_inputs_bytes 1KiB, limits.max_answers_bytes 1KiB, limits.max_connections 1MiB; a connection counts 64KiB), more than two thirds of the memory, 512MiB (limits.memory): lower them, or let the server have more",
	},
	{
		name: "a list that is a word", put: settingsOf("devices: cpu\n"), args: "config --config sluice.yaml", status: 1,
		says: `sluice.yaml:1: devices must be a list, not "cpu"`,
	},
	{
		name: "a model is required twice", put: settingsOf("require: [eta, eta]\n"), args: "config --config sluice.yaml", status: 1,
		says: `sluice.yaml:1: require[1]: "eta" must be a model's name, each once, or all`,
	},
	{
		name: "a token for a port that is off", put: settingsOf("admin: ''\nadmin_token_file: token\n"), args: "config --config sluice.yaml", status: 1,
		says: "sluice.yaml:2: admin_token_file: token is of no use while admin is empty",
	},
}

var settingMistakes = []mistake{
	{
		name: "a mistyped variable", env: "SLUICE_LISTENN=127.0.0.1:1", args: "serve good", status: 1,
		says: "SLUICE_LISTENN: there is no such setting: did you mean SLUICE_LISTEN? rename the variable, or unset it",
	},
	{
		name: "a bad value in a variable", env: "SLUICE_DRAIN_DELAY=5", args: "serve good", status: 1,
		says: `SLUICE_DRAIN_DELAY: drain.delay: "5" is not a duration such as 250ms or 5s`,
	},
	{
		name: "an empty variable", env: "SLUICE_LISTEN=", args: "config", status: 1,
		says: `SLUICE_LISTEN: listen: "" must be host:port, such as 127.0.0.1:8080`,
	},
	{
		name: "a variable names a settings file that is not there", env: "SLUICE_CONFIG=nowhere.yaml", args: "health", status: 1,
		says: "cannot read the settings file nowhere.yaml, which SLUICE_CONFIG names: no such file or directory: create it, or correct the path",
	},
	{name: "a base path without its slash", args: "serve good --base-path eu", status: 1, says: `--base-path: base_path: "eu" must begin with a slash and not end with one`},
	{
		name: "a base path that is no path", args: "serve good --base-path /v2?x", status: 1,
		says: `--base-path: base_path: "/v2?x" may have letters, digits, '-', '.', '_', '~' and single slashes`,
	},
	{name: "an unknown log level", args: "config --log-level loud", status: 1, says: `--log-level: log.level: "loud" must be one of debug, info, warn, error`},
	{name: "an unknown command", args: "srve", status: 2, says: `there is no command "srve" (did you mean serve?): there are serve, check, ...`},
	{name: "an unknown flag", args: "check --modells good", status: 2, says: "sluice check has no flag --modells (did you mean --models?); sluice check --help lists them"},
	{name: "an unknown letter for a flag", args: "check -x", status: 2, says: "sluice check has no flag -x; sluice check --help lists them"},
	{name: "a flag without its value", args: "check --models", status: 2, says: "--models needs a value; sluice check --help says more"},
	{name: "a bad value of a switch", args: "check --json=maybe", status: 2, says: `--json takes true or false, not "maybe"; sluice check --help says more`},
	{name: "a bad value of a flag", args: "check --drain-delay soon", status: 1, says: `--drain-delay: drain.delay: "soon" is not a duration such as 250ms or 5s`},
	{name: "a flag twice, the later one wrong", args: "check --log-level info --log-level loud", status: 1, says: `--log-level: log.level: "loud" must be one of debug, info, warn, error`},
	{name: "an argument too many", args: "health now", status: 2, says: `sluice health takes flags only, not "now"`},
}
