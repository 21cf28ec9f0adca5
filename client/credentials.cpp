#include "client/credentials.hpp"

#include "core/json.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

#include <boost/json/serialize.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace corohub::client {
namespace {

constexpr std::size_t file_bytes_max = 1 << 20;

[[noreturn]] void fail(const std::string& doing, const std::filesystem::path& path) {
  throw CredentialError("cannot " + doing + " " + path.string() + ": " +
                        std::strerror(errno));  // NOLINT(concurrency-mt-unsafe)
}

// A descriptor that closes itself.
class File {
 public:
  File(const std::filesystem::path& path, int flags)
      : descriptor_(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR)) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  bool is_open() const noexcept { return descriptor_ >= 0; }
  int get() const noexcept { return descriptor_; }
  int release() noexcept { return std::exchange(descriptor_, -1); }

 private:
  int descriptor_;
};

std::string member(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

void make_directory(const std::filesystem::path& directory) {
  std::error_code failure;
  std::filesystem::create_directories(directory.parent_path(), failure);
  if (::mkdir(directory.c_str(), S_IRWXU) != 0 && errno != EEXIST) fail("make", directory);
}

}  // namespace

std::filesystem::path CredentialFile::default_path() {
  const auto below = [](const char* variable) {
    const char* value = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): one thread here
    return std::filesystem::path(value == nullptr ? "" : value);
  };
  std::filesystem::path directory = below("XDG_CONFIG_HOME");
  if (!directory.is_absolute() && below("HOME").is_absolute()) directory = below("HOME") / ".config";
  if (!directory.is_absolute()) throw CredentialError("neither XDG_CONFIG_HOME nor HOME is set");
  return directory / "corohub" / "credentials.json";
}

CredentialFile::Logins CredentialFile::load() const {
  Logins logins;
  const File file(path_, O_RDONLY);
  if (!file.is_open()) {
    if (errno == ENOENT) return logins;
    fail("open", path_);
  }
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) fail("look at", path_);
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    throw CredentialError(path_.string() + " can be read by others; chmod 600 it, or remove it and log in");
  std::string text(file_bytes_max, '\0');
  const ssize_t size = ::read(file.get(), text.data(), text.size());
  if (size < 0) fail("read", path_);
  text.resize(static_cast<std::size_t>(size));

  const Result<json::value> parsed = parse_json(text);
  const json::value* servers =
      parsed && parsed->is_object() ? parsed->as_object().if_contains("servers") : nullptr;
  if (servers == nullptr || !servers->is_object())
    throw CredentialError(path_.string() + " is damaged; remove it and log in");
  for (const auto& [server, value] : servers->as_object()) {
    if (!value.is_object()) continue;
    const json::object& object = value.as_object();
    StoredLogin login;
    login.email = member(object, "email");
    if (const json::value* id = object.if_contains("user_id"); id != nullptr && id->is_int64())
      login.user_id = id->as_int64();
    login.access_token = Secret(member(object, "access_token"));
    login.refresh_token = Secret(member(object, "refresh_token"));
    logins.emplace(server, std::move(login));
  }
  return logins;
}

void CredentialFile::store(const Logins& logins) const {
  json::object servers;
  for (const auto& [server, login] : logins)
    servers[server] = {{"email", login.email},
                       {"user_id", login.user_id},
                       {"access_token", login.access_token.reveal()},
                       {"refresh_token", login.refresh_token.reveal()}};
  const std::string text = json::serialize(json::object{{"servers", std::move(servers)}}) + "\n";

  // The file is replaced as a whole or not at all, whatever happens meanwhile.
  const std::filesystem::path fresh = path_.string() + ".new";
  ::unlink(fresh.c_str());
  {
    const File file(fresh, O_WRONLY | O_CREAT | O_EXCL);
    if (!file.is_open()) fail("write", fresh);
    if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
        ::fsync(file.get()) != 0)
      fail("write", fresh);
  }
  if (::rename(fresh.c_str(), path_.c_str()) != 0) fail("write", path_);
}

std::optional<StoredLogin> CredentialFile::find(const std::string& server) const {
  Logins logins = load();
  const auto found = logins.find(server);
  if (found == logins.end()) return std::nullopt;
  return std::move(found->second);
}

void CredentialFile::save(const std::string& server, const StoredLogin& login) {
  Logins logins = load();
  logins.insert_or_assign(server, login);
  store(logins);
}

CredentialFile::Lock::Lock(const CredentialFile& file) : descriptor_(-1) {
  make_directory(file.path_.parent_path());
  const std::filesystem::path path = file.path_.string() + ".lock";
  File lock(path, O_RDWR | O_CREAT);
  if (!lock.is_open()) fail("open", path);
  while (::flock(lock.get(), LOCK_EX) != 0)
    if (errno != EINTR) fail("lock", path);
  descriptor_ = lock.release();
}

CredentialFile::Lock::~Lock() { ::close(descriptor_); }

}  // namespace corohub::client
