#include "net/options.hpp"

#include "options/fields.hpp"

namespace nn::net {

namespace {

struct TlsWords {
  std::string_view cert_help, cert_text, ca_help, ca_text;
};

// Both sides of tls:// show a certificate; of https:// the server does, and clients where they are to.
constexpr TlsWords worker_words{
    "For tls:// endpoints: the own certificate, with its chain",
    "For `tls://` endpoints, which need all three files, in PEM form: the own certificate with its chain.",
    "Certificates of those who sign the other side's",
    "The certificates of those who sign the other side's."};
constexpr TlsWords web_words{
    "For https:// endpoints: the server's certificate, with its chain",
    "For `https://` endpoints, which need it and its key, in PEM form: the server's certificate with its "
    "chain.\nSIGHUP reads the files anew.",
    "Let in only clients with a certificate that one of these has signed",
    "Let in only clients with a certificate that one of these has signed; without it none is asked for."};

}  // namespace

options::List option_list(TlsFiles& files, std::string_view name, TlsUse use) {
  const TlsWords& words = use == TlsUse::web_server ? web_words : worker_words;
  options::List list;
  options::Group group(list, name, options::Effect::local);
  group.add({.name = "tls-cert", .value = "FILE", .help = words.cert_help, .text = words.cert_text},
            options::file(files.cert));
  group.add({.name = "tls-key", .value = "FILE", .help = "Its private key"}, options::file(files.key));
  group.add({.name = "tls-ca", .value = "FILE", .help = words.ca_help, .text = words.ca_text},
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
  options::append(list, option_list(access.tls, name, TlsUse::worker));
  return list;
}

}  // namespace nn::net
