// What one idle connection costs: a guard, because nobody notices a few hundred bytes until they are many.
#include "session_rig.hpp"
#include "support/heap.hpp"

#include <iostream>

#include <gtest/gtest.h>

namespace corohub::gateway::test {
namespace {

using corohub::test::heap_in_use;

std::size_t bytes_per_connection(bool deflate) {
  constexpr std::size_t warm_up = 20;
  constexpr std::size_t counted = 200;
  SessionRig rig;
  rig.deflate = deflate;
  std::vector<std::unique_ptr<RawClient>> clients;
  std::vector<AccountRef> accounts;
  const auto connect = [&](std::size_t connections) {
    std::vector<std::unique_ptr<RawClient>> fresh;
    std::vector<auth::Principal> principals;
    for (std::size_t i = 0; i < connections; ++i) {
      accounts.push_back(rig.add_account(static_cast<UserId>(accounts.size() + 1), Role::user));
      principals.push_back(rig.principal(rig.token(*accounts.back())));
      clients.push_back(std::make_unique<RawClient>(rig.context));
    }
    rig.clients.reserve(rig.clients.size() + connections);
    const std::size_t before = heap_in_use();
    for (std::size_t i = 0; i < connections; ++i)
      rig.start(*clients[clients.size() - connections + i], principals[i]);
    for (int i = 0; i < 20; ++i) {
      rig.context.restart();
      rig.context.poll();
    }
    return heap_in_use() - before;
  };
  connect(warm_up);
  return connect(counted) / counted;
}

#ifdef __OPTIMIZE__
constexpr std::size_t bytes_max = 1600;
#else
constexpr std::size_t bytes_max = 1800;  // a coroutine's frame keeps what an optimised one has no room for
#endif

TEST(IdleMemory, a_connection_that_waits_costs_little) {
  const std::size_t bytes = bytes_per_connection(false);
  std::cout << "heap bytes per idle connection: " << bytes << "\n";
  EXPECT_GT(bytes, 1000U) << "is it counted at all?";
  EXPECT_LT(bytes, bytes_max);
}

TEST(IdleMemory, permessage_deflate_costs_a_connection_nothing) {
  const std::size_t plain = bytes_per_connection(false);
  EXPECT_LE(bytes_per_connection(true), plain + 8);
}

}  // namespace
}  // namespace corohub::gateway::test
