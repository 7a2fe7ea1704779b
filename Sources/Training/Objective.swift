import NeuralNetworks
import TensorGraph

// What is learned and how it is measured: Grill et al. 2020, "Bootstrap Your Own Latent", §3.

/// The shapes of the heads.
struct Heads: Hashable, Sendable {
  var projectorHidden: Int
  var predictorHidden: Int
  var outputs: Int
}

/// The online network θ: encoder f, projector g, predictor q.
struct OnlineNetwork {
  let scope: NetworkScope
  let encoder: EncoderConfiguration
  let heads: Heads

  /// y = f(v), `[N, D]`, and q(g(y)), `[N, 256]`.
  func predict(_ view: Tensor) -> (representation: Tensor, prediction: Tensor) {
    let representation = scope.resNet("encoder", view, encoder)
    let projection = scope.perceptron(
      "projector", representation, hidden: heads.projectorHidden, outputs: heads.outputs)
    let prediction = scope.perceptron(
      "predictor", projection, hidden: heads.predictorHidden, outputs: heads.outputs)
    return (representation, prediction)
  }
}

/// The target network ξ: encoder f′ and projector g′. It has no predictor, and no gradient.
struct TargetNetwork {
  let scope: NetworkScope
  let encoder: EncoderConfiguration
  let heads: Heads

  /// sg(z′) = sg(g′(f′(v))), `[N, 256]`.
  func project(_ view: Tensor) -> Tensor {
    scope.perceptron(
      "projector", scope.resNet("encoder", view, encoder), hidden: heads.projectorHidden,
      outputs: heads.outputs
    ).stoppingGradient()
  }

  /// ξ ← τξ + (1 − τ)θ (eq. 1), for every parameter of the target, with the new θ.
  ///
  /// Means and variances of batch normalisation are each network's own: τ does not touch them.
  func move(toward online: [String: Tensor], tau: Tensor) {
    for (parameter, variable) in scope.learned {
      let twin = "online." + parameter.name.dropFirst(scope.prefix.count)
      guard let new = online[twin] else {
        preconditionFailure("The online network has no \(twin).")
      }
      scope.recorder.assign(variable.interpolated(toward: new, tau: tau), to: variable)
    }
  }
}

/// ‖p̄ − z̄‖² = 2 − 2·cos(p, z), row by row (eq. 2): `[N, D]` and `[N, D]` to `[N]`, in 0…4.
func regressionLoss(_ prediction: Tensor, _ projection: Tensor) -> Tensor {
  let (p, z) = (prediction.l2Normalized(), projection.l2Normalized())
  return (p - z).squared().sumOfColumns()
}
