#include "serving/options.hpp"

#include "options/fields.hpp"

namespace nn::serving {

void add_repository_options(options::Group& group, std::vector<repository::ModelSpec>& models,
                            repository::VersionPolicy& policy, double& poll_s) {
  group.add({.name = "repository",
             .value = "[NAME=]BASE",
             .help = "Versions BASE/1/model.nn, BASE/2/model.nn …, swapped as they appear (repeatable)",
             .text = "Serve versions of a repository; without a name, the folder's name is the model's.\n"
                     "A folder of such folders is as many models, which may come and go.\n"
                     "May be given several times."},
            options::each(models, repository::parse_repository_spec, options::Kind::folder));
  group.add({.name = "policy",
             .value = "POLICY",
             .help = "Versions of repositories: latest:N, all, specific:V,V (default: latest:1)",
             .text = "Which versions of repositories: `latest:`*n* (the default, with 1), `all`, or "
                     "`specific:`*v*`,`*v*.\n"
                     "Clients that name no version get the newest that is loaded.\n"
                     "Versions with a label are served as well."},
            options::parsed(policy, repository::parse_version_policy, options::Kind::text,
                            {"latest:", "all", "specific:"}));
  group.add({.name = "poll",
             .value = "TIME",
             .help = "How often repositories are looked at; 0: on SIGHUP only (default: {default})",
             .text = "How often repositories are looked at, {default} by default; 0: only on SIGHUP.\n"
                     "Changes on file systems of this machine are heard of at once."},
            options::seconds(poll_s));
}

}  // namespace nn::serving
