// How requests for a model are shared out among its versions: BASE/traffic.toml.
#pragma once
