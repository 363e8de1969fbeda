// Quotas of control groups, read below folders of the tests' own.
#include "backend/cpu_quota.hpp"

#include <filesystem>
#include <fstream>
#include <string>

#include "base/error.hpp"
#include "catch.hpp"

namespace fs = std::filesystem;
using nn::backend::cpu_quota;

namespace {

// A folder that stands for "/", removed with all that is in it.
class Root {
 public:
  Root() {
    if (::mkdtemp(path_.data()) == nullptr) nn::fail_errno(path_);
  }
  Root(const Root&) = delete;
  ~Root() { fs::remove_all(path_); }
  Root& put(const std::string& file, const std::string& text) {
    fs::create_directories(fs::path(path_ + file).parent_path());
    std::ofstream(path_ + file) << text;
    return *this;
  }
  std::optional<double> quota() const { return cpu_quota(path_); }

 private:
  std::string path_ = (fs::temp_directory_path() / "nn-quota-XXXXXX").string();
};

const std::string groups = "/sys/fs/cgroup";

}  // namespace

TEST_CASE("the quota of a container is read from cpu.max") {
  Root root;
  CHECK_FALSE(root.quota());  // not even /proc
  root.put("/proc/self/cgroup", "0::/\n");
  CHECK_FALSE(root.quota());
  root.put(groups + "/cpu.max", "max 100000\n");
  CHECK_FALSE(root.quota());
  root.put(groups + "/cpu.max", "250000 100000\n");
  CHECK(root.quota() == 2.5);
}

TEST_CASE("the smallest quota of the groups around a process counts") {
  Root root;
  root.put("/proc/self/cgroup", "0::/system.slice/worker.service\n");
  root.put(groups + "/system.slice/cpu.max", "300000 100000\n");
  root.put(groups + "/system.slice/worker.service/cpu.max", "max 100000\n");
  CHECK(root.quota() == 3);
  root.put(groups + "/system.slice/worker.service/cpu.max", "50000 100000\n");
  CHECK(root.quota() == 0.5);
  root.put(groups + "/system.slice/worker.service/cpu.max", "400000 100000\n");
  CHECK(root.quota() == 3);
}

TEST_CASE("a path of the host's that a container can't see leaves the container's own quota") {
  Root root;
  root.put(groups + "/cpu.max", "150000 100000\n");
  for (const char* path : {"0::/docker/0123abcd\n", "0::/../../other\n", "0::/..\n", "0::/\n", "0::\n"}) {
    INFO(path);
    CHECK(root.put("/proc/self/cgroup", path).quota() == 1.5);
  }
}

TEST_CASE("quotas of version 1 are in two files") {
  Root root;
  const std::string folder = GENERATE(as<std::string>(), "/cpu,cpuacct", "/cpu");
  root.put("/proc/self/cgroup", "12:memory:/a\n4:cpu,cpuacct:/a/b\n1:name=systemd:/a\n0::/\n");
  root.put(groups + folder + "/a/cpu.cfs_quota_us", "-1\n")
      .put(groups + folder + "/a/cpu.cfs_period_us", "100000\n");
  CHECK_FALSE(root.quota());
  root.put(groups + folder + "/a/b/cpu.cfs_quota_us", "400000\n");
  CHECK_FALSE(root.quota());
  root.put(groups + folder + "/a/b/cpu.cfs_period_us", "200000\n");
  CHECK(root.quota() == 2);
}

TEST_CASE("files that make no sense are no quota") {
  for (const char* text : {"", "\n", "100000", "100000 ", "100000 0\n", "0 100000\n", "-1 100000\n", "x y\n",
                           "99999999999999999999999 100000\n", "1e5 100000\n"}) {
    INFO(text);
    CHECK_FALSE(Root().put("/proc/self/cgroup", "0::/\n").put(groups + "/cpu.max", text).quota());
  }
  const std::string slashes(60'000, '/');
  CHECK_FALSE(Root().put("/proc/self/cgroup", "0::" + slashes + "\n::\n:\n4:cpu\n").quota());
  CHECK_FALSE(Root().put("/proc/self/cgroup", std::string(1 << 20, '0')).quota());
}
