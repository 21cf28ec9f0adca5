#include "auth/password.hpp"

#include "auth/fair_queue.hpp"
#include "core/completion.hpp"
#include "core/metrics.hpp"
#include "core/random.hpp"
#include "core/unicode.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <condition_variable>
#include <mutex>
#include <new>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/this_coro.hpp>
#include <sodium.h>

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

namespace corohub::auth {
namespace {

using Steady = std::chrono::steady_clock;  // real time, because the queue is about real processors

constexpr int nice_level = 10;

Error refuse(const char* cause) {
  return Error(ErrorCode::overloaded, "Too many logins at this moment.")
      .because(cause)
      .retry_in(std::chrono::seconds(1 + random_below(3)));
}

// The cost in libsodium's units.
struct Cost {
  unsigned long long passes;
  std::size_t memory_bytes;
};

std::optional<std::string> make_hash(std::string_view password, Cost cost) {
  char text[crypto_pwhash_STRBYTES];
  if (crypto_pwhash_str_alg(text, password.data(), password.size(), cost.passes, cost.memory_bytes,
                            crypto_pwhash_ALG_ARGON2ID13) != 0)
    return std::nullopt;
  return std::string(text);
}

// The number that follows `label` in "$argon2id$v=19$m=19456,t=2,p=1$…"; 0: none.
std::size_t cost_of(std::string_view hash, std::string_view label) noexcept {
  const std::size_t start = hash.find(label);
  if (start == std::string_view::npos) return 0;
  std::size_t value = 0;
  std::from_chars(hash.data() + start + label.size(), hash.data() + hash.size(), value);
  return value;
}

template <std::size_t size>
bool decode(std::string_view text, std::array<unsigned char, size>& bytes) noexcept {
  std::size_t decoded = 0;
  return sodium_base642bin(bytes.data(), size, text.data(), text.size(), nullptr, &decoded, nullptr,
                           sodium_base64_VARIANT_ORIGINAL_NO_PADDING) == 0 &&
         decoded == size;
}

// Whether the hash is that of the password; nothing: there was no memory to find out. libsodium's own verify
// calls missing memory a wrong password, so the digest of "$argon2id$v=19$m=...,t=...,p=1$SALT$DIGEST" is
// computed and compared here.
std::optional<bool> is_password_of(const std::string& hash, std::string_view password) {
  std::array<unsigned char, crypto_pwhash_SALTBYTES> salt{};
  std::array<unsigned char, 32> digest{};
  const std::size_t digest_at = hash.rfind('$');
  const std::size_t salt_at = digest_at == std::string::npos ? digest_at : hash.rfind('$', digest_at - 1);
  const std::string_view text = hash;
  const bool ours = salt_at != std::string::npos && text.starts_with("$argon2id$v=19$m=") &&
                    text.substr(0, salt_at).ends_with(",p=1") &&
                    decode(text.substr(salt_at + 1, digest_at - salt_at - 1), salt) &&
                    decode(text.substr(digest_at + 1), digest);
  if (!ours) return crypto_pwhash_str_verify(hash.c_str(), password.data(), password.size()) == 0;

  std::array<unsigned char, 32> computed{};
  errno = 0;
  if (crypto_pwhash(computed.data(), computed.size(), password.data(), password.size(), salt.data(),
                    cost_of(hash, ",t="), cost_of(hash, "$m=") * 1024, crypto_pwhash_ALG_ARGON2ID13) != 0) {
    if (errno == EINVAL || errno == EFBIG)
      return false;  // a password or a cost that no hash was ever made with
    return std::nullopt;
  }
  return sodium_memcmp(computed.data(), digest.data(), digest.size()) == 0;
}

// One request as the pool sees it.
class Job : public Completion {
 public:
  using Completion::Completion;
  virtual void run(Cost cost, const std::string& dummy_hash) = 0;  // pool thread
  virtual void fail(Error error) = 0;

  Steady::time_point enqueued_at{};
};

class HashWork {
 public:
  using Outcome = Result<std::string>;
  explicit HashWork(const Secret& password) : password_(nfc(password.reveal())) {}
  Outcome operator()(Cost cost, const std::string&) const {
    std::optional<std::string> hash = make_hash(password_.reveal(), cost);
    if (!hash) return refuse("no memory for Argon2");
    return std::move(*hash);
  }

 private:
  Secret password_;
};

class VerifyWork {
 public:
  using Outcome = Result<bool>;
  VerifyWork(Secret password, std::string hash) : typed_(std::move(password)), hash_(std::move(hash)) {}
  Outcome operator()(Cost, const std::string& dummy_hash) const {
    const std::string& hash = hash_.empty() ? dummy_hash : hash_;
    const Secret normal(nfc(typed_.reveal()));
    std::optional<bool> same = is_password_of(hash, normal.reveal());
    // Earlier versions hashed the password as it was typed, not its normal form.
    if (same == false && normal.reveal() != typed_.reveal()) same = is_password_of(hash, typed_.reveal());
    if (!same) return refuse("no memory for Argon2");
    return *same && !hash_.empty();
  }

 private:
  Secret typed_;
  std::string hash_;
};

template <class Work, class Handler>
class JobOf final : public Job {
 public:
  JobOf(const Executor& origin, Work work, Handler handler)
      : Job(origin), work_(std::move(work)), handler_(std::move(handler)) {}
  void run(Cost cost, const std::string& dummy_hash) override { outcome_.emplace(work_(cost, dummy_hash)); }
  void fail(Error error) override { outcome_.emplace(std::move(error)); }
  void finish() noexcept override {
    Handler here(std::move(handler_));
    std::move(here)(std::move(*outcome_));
  }

 private:
  Work work_;
  Handler handler_;
  std::optional<typename Work::Outcome> outcome_;
};

}  // namespace

struct PasswordHasher::State {
  explicit State(PasswordSettings values);
  ~State() { stop(); }

  template <class Work>
  Task<typename Work::Outcome> submit(Work work, std::string network);
  void enqueue(std::unique_ptr<Job> job, std::string_view network);
  void work_until_stopped();
  void run(Job& job);
  void stop();

  const PasswordSettings settings;
  const std::size_t thread_count;
  const Cost cost;
  std::string dummy_hash;
  metrics::Counter& hashes = metrics::counter("corohub_password_hashes_total", "Argon2 hashes computed");
  metrics::Counter& refused_full = metrics::counter("corohub_password_refusals_total",
                                                    "Argon2 requests refused", {{"reason", "queue_full"}});
  metrics::Counter& refused_late = metrics::counter(
      "corohub_password_refusals_total", "Argon2 requests refused", {{"reason", "waited_too_long"}});

  std::mutex mutex;
  std::condition_variable wake;
  FairQueue<std::unique_ptr<Job>> waiting;
  std::size_t running = 0;
  bool stopping = false;
  std::vector<std::thread> threads;
};

PasswordHasher::State::State(PasswordSettings values)
    : settings(values),
      thread_count(values.threads != 0 ? values.threads
                                       : std::max(1U, std::thread::hardware_concurrency() / 2)),
      cost{values.passes, values.memory_kib * 1024} {
  if (sodium_init() < 0) throw std::runtime_error("libsodium cannot start");
  // A login of an unknown address is compared with this hash, so that it costs as much as a real one.
  std::optional<std::string> dummy = make_hash(random_token(), cost);
  if (!dummy) throw std::invalid_argument("Argon2 refuses these parameters");
  dummy_hash = std::move(*dummy);

  try {
    for (std::size_t i = 0; i < thread_count; ++i) threads.emplace_back([this] { work_until_stopped(); });
  } catch (...) {  // the object is not made yet, so no destructor will run
    stop();
    throw;
  }
}

// A coroutine: `work` and `network` live in its frame until the pool takes them.
template <class Work>
Task<typename Work::Outcome> PasswordHasher::State::submit(Work work, std::string network) {
  using Outcome = typename Work::Outcome;
  const Executor here = co_await asio::this_coro::executor;
  // Captures references only: this frame outlives the operation.
  const auto initiate = [&](auto handler) {
    enqueue(std::make_unique<JobOf<Work, decltype(handler)>>(here, std::move(work), std::move(handler)),
            network);
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<Executor>, void(Outcome)>(initiate,
                                                                                                use_task);
}

// If there is no room, a waiting job gives way: this one or another.
void PasswordHasher::State::enqueue(std::unique_ptr<Job> job, std::string_view network) {
  job->enqueued_at = Steady::now();
  std::optional<std::unique_ptr<Job>> displaced;
  bool going_down = false;
  {
    const std::lock_guard lock(mutex);
    going_down = stopping;
    // A job that a free thread is about to take is not waiting.
    const std::size_t room = settings.queue + thread_count - running;
    if (going_down)
      displaced.emplace(std::move(job));
    else
      displaced = waiting.push(network, std::move(job), room);
    wake.notify_one();
  }
  if (!displaced) return;
  if (!going_down) refused_full.Increment();
  (*displaced)
      ->fail(going_down ? Error(ErrorCode::draining, "The server is going down.")
                        : refuse("the password queue is full"));
  std::vector<std::unique_ptr<Completion>> one;
  one.push_back(std::move(*displaced));
  finish_at_home(std::move(one));
}

void PasswordHasher::State::work_until_stopped() {
  ::pthread_setname_np(::pthread_self(), "password");
  // On Linux this sets the priority of this thread alone. Without the right to do so the thread works on at
  // the usual priority.
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), nice_level);

  std::unique_lock lock(mutex);
  for (;;) {
    wake.wait(lock, [this] { return stopping || !waiting.empty(); });
    if (waiting.empty()) return;
    std::vector<std::unique_ptr<Completion>> done;
    done.push_back(waiting.pop());
    Job& job = static_cast<Job&>(*done.front());
    ++running;
    lock.unlock();
    run(job);
    lock.lock();
    --running;  // first: the caller that is answered may come again at once
    lock.unlock();
    finish_at_home(std::move(done));
    lock.lock();
  }
}

void PasswordHasher::State::run(Job& job) {
  if (Steady::now() - job.enqueued_at >= settings.wait_max) {
    refused_late.Increment();
    job.fail(refuse("waited too long for a password thread"));
    return;
  }
  hashes.Increment();
  try {
    job.run(cost, dummy_hash);
  } catch (const std::bad_alloc&) {
    job.fail(refuse("no memory for a password"));
  }
}

void PasswordHasher::State::stop() {
  std::vector<std::thread> ending;
  {
    const std::lock_guard lock(mutex);
    stopping = true;
    ending.swap(threads);
  }
  wake.notify_all();
  for (std::thread& thread : ending) thread.join();
}

PasswordHasher::PasswordHasher(PasswordSettings settings) : impl_(std::make_unique<State>(settings)) {}
PasswordHasher::~PasswordHasher() = default;

Task<Result<std::string>> PasswordHasher::hash(Secret password, std::string network) {
  return impl_->submit(HashWork(password), std::move(network));
}

Task<Result<bool>> PasswordHasher::verify(Secret password, std::string hash, std::string network) {
  return impl_->submit(VerifyWork(std::move(password), std::move(hash)), std::move(network));
}

bool PasswordHasher::needs_rehash(const std::string& hash) const noexcept {
  const Cost& ours = impl_->cost;
  if (crypto_pwhash_str_needs_rehash(hash.c_str(), ours.passes, ours.memory_bytes) == 0) return false;
  // Only weaker hashes are made anew: stronger ones stay when the settings were lowered.
  return !hash.starts_with(crypto_pwhash_argon2id_STRPREFIX) ||
         cost_of(hash, "$m=") < ours.memory_bytes / 1024 || cost_of(hash, ",t=") < ours.passes;
}

void PasswordHasher::stop() { impl_->stop(); }

}  // namespace corohub::auth
