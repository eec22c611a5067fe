"""The mutations of delegations: administration that each reviewer does for themselves."""

import strawberry

from app.api.admin_mutations import admin_mutation
from app.api.admin_payloads import UserPayload
from app.api.inputs.delegations import DelegateReviewsInput, EndDelegationInput


@strawberry.type(description="What naming who decides in one's place gave; `user` is who was named.")
class DelegateReviewsPayload(UserPayload):
    pass


@strawberry.type(description="What ending a delegation gave; `user` is who had named somebody.")
class EndDelegationPayload(UserPayload):
    pass


@strawberry.type(description="Who decides in the place of a reviewer who is away.")
class DelegationMutation:
    delegate_reviews: DelegateReviewsPayload = admin_mutation(
        DelegateReviewsInput,
        DelegateReviewsPayload,
        "Name the reviewer who decides in your place for a time, on overrides that you were asked to decide on and that"
        " they did not request. For reviewers. It is over at once if either of you is deactivated or loses the role.",
    )
    end_delegation: EndDelegationPayload = admin_mutation(
        EndDelegationInput,
        EndDelegationPayload,
        "End a delegation before its time: your own, or as an admin anybody's.",
    )
