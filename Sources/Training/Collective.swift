/// The processes that train one run together, as one of them sees it. Each has a share of every batch and the same weights.
///
/// All of them make the same calls in the same order, and a call returns when every one has made it.
public protocol Collective: Sendable {
  /// The number of this process, from 0.
  var rank: Int { get }
  /// How many there are; at least 1.
  var count: Int { get }
  /// Puts the sums over all processes in place of the values, which are as many in each: the same bits in each.
  ///
  /// - Throws: where a process cannot be reached; the values are then undefined.
  func allReduce(_ values: inout [Float]) throws
}

extension Collective {
  /// Whether it is so in any of the processes: the same answer in each.
  func any(_ isSo: Bool) throws -> Bool {
    guard count > 1 else { return isSo }
    var votes: [Float] = [isSo ? 1 : 0]
    try allReduce(&votes)
    return votes[0] > 0
  }
}

/// A world of one process: the sum is the value.
public struct SoloCollective: Collective {
  /// 0.
  public var rank: Int { 0 }
  /// 1.
  public var count: Int { 1 }

  /// A world of one.
  public init() {}

  /// Nothing is to be added.
  public func allReduce(_ values: inout [Float]) {}
}
