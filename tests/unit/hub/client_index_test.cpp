#include "hub/client_index.hpp"

#include "support.hpp"

#include <map>
#include <random>

#include <gtest/gtest.h>

namespace corohub::hub::test {
namespace {

// A member that is nothing but its id.
class Someone final : public Member {
 public:
  explicit Someone(ClientId client) : Member(client, {}) {}
  const Form& form() const noexcept override { return plain_form; }
  void close(CloseReason) noexcept override {}
  void role_changed() noexcept override {}
  void subscription_lost(const Subscription&) noexcept override {}
  MemberInfo info() const override { return {}; }
};

// How ids begin: at random as the server's do, or so that many want the same place.
class ClientIndexModel : public testing::TestWithParam<unsigned> {};

TEST_P(ClientIndexModel, holds_order_whoever_comes_and_goes) {
  std::mt19937 random(GetParam() + 1);
  ClientIndex index;
  std::map<ClientId, std::unique_ptr<Someone>> model;
  const auto any_id = [&] {
    ClientId id;
    for (unsigned char& byte : id.bytes) byte = static_cast<unsigned char>(random());
    if (GetParam() == 1) std::fill_n(id.bytes.begin(), 8, 0);
    if (GetParam() == 2) std::fill_n(id.bytes.begin(), 8, 0xff);
    return id;
  };
  for (int step = 0; step < 3000; ++step) {
    const bool grows = step % 1000 < 600;
    if (model.empty() || random() % 10 < (grows ? 7U : 3U)) {
      auto member = std::make_unique<Someone>(any_id());
      index.reserve(model.size() + 1);
      index.enter(*member);
      model.emplace(member->client_id(), std::move(member));
    } else {
      const auto gone = std::next(model.begin(), static_cast<std::ptrdiff_t>(random() % model.size()));
      index.leave(*gone->second);
      EXPECT_EQ(index.find(gone->first), nullptr);
      model.erase(gone);
    }
    if (step % 50 != 0 || model.empty()) continue;
    const auto from = std::next(model.begin(), static_cast<std::ptrdiff_t>(random() % model.size()));
    EXPECT_EQ(index.find(from->first), from->second.get());
    EXPECT_EQ(index.find(any_id()), nullptr);
    auto next = std::next(from);
    index.walk(from->first, [&](Member& member) {
      EXPECT_TRUE(next != model.end() && &member == next->second.get());
      return next != model.end() && ++next != model.end();
    });
    EXPECT_EQ(next, model.end());
  }
}

INSTANTIATE_TEST_SUITE_P(Ids, ClientIndexModel, testing::Values(0U, 1U, 2U));

}  // namespace
}  // namespace corohub::hub::test
