#include "net/options.hpp"

#include "options/fields.hpp"

namespace nn::net {

options::List option_list(TlsFiles& files, std::string_view name) {
  options::List list;
  options::Group group(list, name, options::Effect::local);
  group.add({.name = "tls-cert",
             .value = "FILE",
             .help = "For tls:// endpoints: the own certificate, with its chain",
             .text = "For `tls://` endpoints, which need all three files, in PEM form: the own certificate "
                     "with its chain."},
            options::file(files.cert));
  group.add({.name = "tls-key", .value = "FILE", .help = "Its private key"}, options::file(files.key));
  group.add({.name = "tls-ca",
             .value = "FILE",
             .help = "Certificates of those who sign the other side's",
             .text = "The certificates of those who sign the other side's."},
            options::file(files.ca));
  return list;
}

options::List option_list(Access& access, std::string_view name) {
  options::List list;
  options::Group group(list, name, options::Effect::local);
  group.add({.name = "connect-timeout",
             .value = "TIME",
             .help = "For workers that can't be reached (default: {default})",
             .text = "How long workers that can't be reached are tried; {default} by default."},
            options::milliseconds(access.connect_timeout));
  group.add({.name = "token-file",
             .value = "FILE",
             .help = "The worker's token",
             .text = "What the workers ask for."},
            options::file(access.token_file));
  options::append(list, option_list(access.tls, name));
  return list;
}

}  // namespace nn::net
