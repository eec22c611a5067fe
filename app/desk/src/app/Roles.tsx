// The roles of a person, in the words that the domain has for them.

import { useTranslation } from '../i18n/language'
import type { Role } from '../gql/graphql'

export function Roles({ roles }: { roles: readonly Role[] }) {
  const { t } = useTranslation()
  return <span className="muted">{roles.map((role) => t(`role_${role}`)).join(', ')}</span>
}
