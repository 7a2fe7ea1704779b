import Glibc

/// The rule by which one parameter follows its gradient, `g`, the sum of all gradients of the update.
///
/// A rule says what it keeps beside each parameter (its slots) and what the host writes before each update (its
/// scalars). The constants are doubles; a lowering rounds them, and what it derives of them, once.
public enum OptimizerRule: Hashable, Sendable {
  /// Stochastic gradient descent with heavy-ball momentum: `g ← g + weightDecay·p`; `v ← momentum·v + g`;
  /// `p ← p − rate·v`. The momentum is in 0..<1.
  case sgd(momentum: Double, weightDecay: Double)
  /// LARS (You et al. 2017, arXiv 1708.03888): as SGD, but between the first two steps
  /// `g ← g·trustCoefficient·‖p‖/‖g‖` where neither norm is 0. The trust coefficient is at least 0.
  case lars(momentum: Double, weightDecay: Double, trustCoefficient: Double)
  /// AdamW (Loshchilov & Hutter, arXiv 1711.05101, as PyTorch writes it): `m ← β₁·m + (1 − β₁)·g`;
  /// `v ← β₂·v + (1 − β₂)·g²`; `p ← p − rate·(m̂/(√v̂ + epsilon) + weightDecay·p)`, where m̂ = m/(1 − β₁ᵗ) and
  /// v̂ = v/(1 − β₂ᵗ) in update t, counted from 1. Both β are in 0..<1; epsilon is greater than 0.
  case adamW(beta1: Double, beta2: Double, epsilon: Double, weightDecay: Double)

  /// What is kept beside each parameter, of its shape and 0 before the first update: the names of the slots, in the order
  /// of the operands. A checkpoint holds them as `<slot>.<parameter>`.
  public var slotNames: [String] {
    switch self {
    case .sgd, .lars: ["velocity"]
    case .adamW: ["first_moment", "second_moment"]
    }
  }

  /// What the host writes before each update, each a scalar: the names of the inputs, in the order of the operands.
  public var scalarNames: [String] {
    switch self {
    case .sgd, .lars: ["learning rate"]
    case .adamW: ["learning rate", "first moment's correction", "second moment's correction"]
    }
  }

  /// The values of ``scalarNames`` for one update, computed in double precision and rounded once.
  ///
  /// AdamW's corrections are 1/(1 − β₁ᵗ) and 1/(1 − β₂ᵗ). `step` is t, counted from 1.
  public func scalars(learningRate: Double, step: Int) -> [Float] {
    precondition(step >= 1, "Updates are counted from 1, not from \(step).")
    switch self {
    case .sgd, .lars: return [Float(learningRate)]
    case .adamW(let beta1, let beta2, _, _):
      return [learningRate, 1 / (1 - pow(beta1, Double(step))), 1 / (1 - pow(beta2, Double(step)))]
        .map { Float($0) }
    }
  }
}

extension OptimizerRule {
  /// How the operands of an `optimizerUpdate` are shared out: parameter, slots, gradients, scalars.
  public struct Operands<Element> {
    /// What is updated.
    public var parameter: Element
    /// One for each of ``OptimizerRule/slotNames``.
    public var slots: [Element]
    /// At least one; their sum is meant.
    public var gradients: [Element]
    /// One for each of ``OptimizerRule/scalarNames``.
    public var scalars: [Element]
  }

  /// The operands by their roles, or nil where they are too few to hold a gradient.
  public func operands<Element>(_ operands: [Element]) -> Operands<Element>? {
    let (slots, scalars) = (slotNames.count, scalarNames.count)
    guard operands.count >= 1 + slots + 1 + scalars else { return nil }
    return Operands(
      parameter: operands[0], slots: Array(operands[1...slots]),
      gradients: Array(operands[(1 + slots)..<(operands.count - scalars)]),
      scalars: Array(operands.suffix(scalars)))
  }
}
