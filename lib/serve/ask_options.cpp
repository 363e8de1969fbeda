// The options of StatusQuestion.
#include "options/fields.hpp"
#include "serve/options.hpp"

namespace nn::serve {

options::List option_list(StatusQuestion& o) {
  options::List list;
  options::Group group(list, "Question to another server", options::Effect::local);
  group.add(
      {.name = "status",
       .value = "URL",
       .help = "Print how the server at http://HOST:PORT, https:// or unix:/PATH does",
       .text = "Print how the server at `http://`*host*`:`*port*, `https://`*host*`:`*port* or `unix:`*path* "
               "does, as its status page has it, and end."},
      options::text(o.url));
  group.add({.name = "status-token-file",
             .value = "FILE",
             .help = "The token that it asks for",
             .text = "The token that it asks for is the first line of this file; one of scope `read` does."},
            options::file(o.token_file));
  group.add(
      {.name = "status-tls-ca",
       .value = "FILE",
       .help = "For https://: certificates of those who sign the server's",
       .text = "For `https://`: the certificates of those who sign the server's, in PEM form; without it "
               "those whom the system trusts."},
      options::file(o.tls.ca));
  group.add({.name = "status-tls-cert",
             .value = "FILE",
             .help = "The own certificate, with its chain, where the server wants one",
             .text = "The own certificate with its chain, for a server that wants one of its clients."},
            options::file(o.tls.cert));
  group.add({.name = "status-tls-key", .value = "FILE", .help = "Its private key"}, options::file(o.tls.key));
  return list;
}

}  // namespace nn::serve
