import Foundation
import Images
import Synchronization
import Testing

@testable import EmbeddingService

/// How much memory pictures take that are decoded at once.
@Suite struct EmbeddingDecodingTests {
  @Test
  func `no more is decoded at once than the budget allows, and a larger picture is decoded alone`()
    async throws
  {
    let picture = try plainBytes(red: 1)
    let cost = decodingCost(of: try readHeader(of: picture), picture.count)
    #expect(cost == 8 * 8 * 7)
    for (limit, atOnce) in [(2 * cost + 1, 2), (cost - 1, 1)] {
      let budget = DecodingBudget(limit: limit)
      let running = Peak()
      await withTaskGroup { group in
        for _ in 0..<8 {
          group.addTask {
            await onThread {
              try? budget.decoded(picture, limits: ImageLimits()) { _ in
                running.enter()
                usleep(2000)  // Long enough for the others to come, if they could.
                running.leave()
              }
            }
          }
        }
      }
      #expect(running.passed == 8 && running.most <= atOnce)
      #expect(budget.usedByteCount == 0)
    }
  }

  @Test func `a picture that does not decode gives its room back`() throws {
    let cut = Array(try plainBytes(red: 1).prefix(50))
    let budget = DecodingBudget(limit: 1000)
    for _ in 0..<3 {
      #expect(throws: ImageError.self) { try budget.decoded(cut, limits: ImageLimits()) { _ in } }
    }
    #expect(budget.usedByteCount == 0)
  }
}

/// Runs what blocks on a thread of its own.
private func onThread(_ body: @escaping @Sendable () -> Void) async {
  await withCheckedContinuation { reply in
    Thread.detachNewThread {
      body()
      reply.resume()
    }
  }
}

/// How many were inside at once at most, and how many in all.
private final class Peak: Sendable {
  private let counts = Mutex((inside: 0, most: 0, passed: 0))
  var most: Int { counts.withLock { $0.most } }
  var passed: Int { counts.withLock { $0.passed } }

  func enter() {
    counts.withLock { counts in
      counts.inside += 1
      counts.most = max(counts.most, counts.inside)
    }
  }

  func leave() {
    counts.withLock { counts in
      counts.inside -= 1
      counts.passed += 1
    }
  }
}
