import Foundation
import Testing

extension Trait where Self == ConditionTrait {
  /// Marks a test that measures the memory of its process. Under a sanitizer (`make asan`, `make tsan`) most of that is the
  /// sanitizer's own, and the test is skipped.
  static var measuresMemoryOfProcess: Self {
    .disabled(
      if: ProcessInfo.processInfo.environment["SANITIZE"] != nil,
      "A sanitizer's memory is the process's too.")
  }
}
