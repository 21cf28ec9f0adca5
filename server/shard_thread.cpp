#include "server/shard_thread.hpp"

#include "core/log.hpp"
#include "core/thread_heap.hpp"

#include <array>
#include <csignal>
#include <string>

#include <execinfo.h>
#include <pthread.h>
#include <unistd.h>

namespace corohub::server {
namespace {

constexpr int stack_signal = SIGUSR2;
constexpr std::size_t heap_bytes = 32 << 20;  // enough for about 20,000 connections

void print_own_stack(int) {
  std::array<void*, 64> frames{};
  const int count = ::backtrace(frames.data(), static_cast<int>(frames.size()));
  ::backtrace_symbols_fd(frames.data(), count, STDERR_FILENO);
}

}  // namespace

ShardThread::ShardThread(std::size_t index, Services& services, const Settings& settings,
                         const hub::ShardLimits& limits, const Clock& clock, http::Server& server,
                         const hub::LogState& log)
    : index_(index),
      presence_(services.hub.presence()),
      guard_(context_.get_executor()),
      shard_(context_, clock, limits),
      accounts_(services.users.loader(), settings.cached_accounts),
      authenticator_(services.tokens, accounts_, clock),
      server_(server, index, context_, shard_.wheel(), authenticator_) {
  shard_.set_listener(this);
  shard_.begin_after(log);
}

ShardThread::~ShardThread() {
  finish();
  if (thread_.joinable()) join(true);
}

void ShardThread::start() {
  if (thread_.joinable() || ended()) return;
  asio::post(context_, [this] { shard_.start(); });
  thread_ = std::thread([this] { thread_main(); });
}

void ShardThread::thread_main() {
  ::pthread_setname_np(::pthread_self(), ("shard-" + std::to_string(index_)).c_str());
  prepare_thread_heap(heap_bytes);
  for (;;) {
    try {
      context_.run();
      break;
    } catch (const std::exception& error) {
      // Coroutines handle their own exceptions; this one escaped. The other connections of this shard go on.
      log::error("shard.exception", {{"shard", index_}, {"what", error.what()}});
    }
  }
  ended_.store(true);
}

void ShardThread::join(bool force) {
  if (force) context_.stop();
  if (thread_.joinable()) thread_.join();
}

void ShardThread::print_stack() {
  struct sigaction action{};
  action.sa_handler = print_own_stack;
  ::sigaction(stack_signal, &action, nullptr);
  if (thread_.joinable()) ::pthread_kill(thread_.native_handle(), stack_signal);
}

void ShardThread::account_changed(const hub::AccountChanged& change) noexcept {
  accounts_.apply(change.user_id, change.account);
  if (change.account) presence_.rename(change.user_id, change.account->name);
}

}  // namespace corohub::server
